# Afterglow in a container, for linux/amd64 (the platform that the lock file holds libchdb for).
# Three targets: runtime (the program), secrets (a one-shot service of docker-compose.yml), build.

# ---- what npm brings: libchdb and the pages' assets ----
FROM node:24-trixie-slim AS npm
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-fund --no-audit

# ---- the program ----
FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=npm /src/node_modules ./node_modules
RUN scripts/assets.sh && go build -trimpath -o /out/afterglow ./cmd/afterglow \
 && cp node_modules/@chdb/lib-linux-x64-gnu/libchdb.so /out/libchdb.so

# ---- certificates and passwords, made once ----
FROM debian:trixie-slim AS secrets
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
COPY deploy/make-secrets.sh /usr/local/bin/make-secrets.sh
ENTRYPOINT ["/bin/sh", "/usr/local/bin/make-secrets.sh"]

# ---- what runs ----
FROM debian:trixie-slim AS runtime
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/afterglow --shell /usr/sbin/nologin afterglow \
 && install -d -m 0700 -o afterglow -g afterglow /var/lib/afterglow /var/lib/afterglow-keys
# libchdb beside the program is where it looks first.
COPY --from=build /out/ /usr/local/lib/afterglow/
RUN ln -s /usr/local/lib/afterglow/afterglow /usr/local/bin/afterglow
# The container's own loopback reaches nobody: publish the port on the host's.
ENV AFTERGLOW_DATA=/var/lib/afterglow \
    AFTERGLOW_KEY_FILE=/var/lib/afterglow-keys/master.key \
    AFTERGLOW_LISTEN=0.0.0.0:8080
USER 10001:10001
VOLUME ["/var/lib/afterglow", "/var/lib/afterglow-keys"]
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=4 CMD ["/usr/local/lib/afterglow/afterglow", "healthz"]
ENTRYPOINT ["/usr/local/lib/afterglow/afterglow"]
CMD ["serve"]
