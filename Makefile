# Every target a person may call has a sentence behind '##'; `make help` prints them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go
DEMO_DATA ?= .demo
CHDB := 26.7.3-stable.1
CHROMIUM := $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome))
DIST := internal/web/assets/dist

.PHONY: help
help: ## Print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- set-up -----------------------------------------------------------------

node_modules/.stamp: package-lock.json package.json .npmrc
	@command -v npm >/dev/null || { echo "npm is needed once, to fetch ClickHouse's library and the page assets: install Node.js with npm and call make again"; exit 3; }
	@echo "Fetching ClickHouse as a library and the page assets (about 180 MB, once) ..."
	npm ci --no-fund --no-audit --loglevel=error
	@# The lock file holds libchdb for linux/amd64; for another platform it is installed by name and version.
	@case "$$(uname -s)-$$(uname -m)" in \
	  Linux-x86_64) ;; \
	  Linux-aarch64) npm install --no-save --no-package-lock --loglevel=error @chdb/lib-linux-arm64-gnu@$(CHDB) ;; \
	  Darwin-arm64) npm install --no-save --no-package-lock --loglevel=error @chdb/lib-darwin-arm64@$(CHDB) ;; \
	  Darwin-x86_64) npm install --no-save --no-package-lock --loglevel=error @chdb/lib-darwin-x64@$(CHDB) ;; \
	  *) echo "There is no libchdb for this platform: set AFTERGLOW_CLICKHOUSE to a ClickHouse server" ;; \
	esac
	@touch $@

$(DIST)/.stamp: node_modules/.stamp scripts/assets.sh
	scripts/assets.sh
	@touch $@

.PHONY: assets
assets: $(DIST)/.stamp ## Copy what the pages use into the folder that the build embeds

.PHONY: setup
setup: node_modules/.stamp $(DIST)/.stamp ## Fetch what the build and the program need

.PHONY: browser
browser: ## Install Debian's Chromium for the browser tests, when it is missing and we are root
	@if [ -z "$(CHROMIUM)" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests ..."; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	  else echo "The browser tests need Chromium: install it (on Debian: apt-get install chromium) and call make again"; exit 3; fi; fi

.PHONY: build
build: setup ## Build bin/afterglow
	$(GO) build -trimpath -o bin/afterglow ./cmd/afterglow

# ---- the main job -----------------------------------------------------------

.PHONY: demo
demo: build ## Set up, load the demo study and serve it at http://localhost:8080 (Ctrl-C stops it, the data stay)
	@exec bin/afterglow demo --data $(DEMO_DATA)

# ---- tests ------------------------------------------------------------------

.PHONY: test
test: setup browser check-fast ## Everything: unit, golden, property, engine and browser tests
	$(GO) test -timeout 14m ./...
	GO=$(GO) scripts/test-by-address.sh

.PHONY: test-fast
test-fast: setup ## The tests that need neither the engine nor a browser
	$(GO) test -timeout 5m ./internal/fault ./internal/care ./internal/crisis ./internal/instrument ./internal/finding ./internal/stats/... ./internal/chart ./internal/identity ./internal/registry

.PHONY: check-fast
check-fast: setup
	@out=$$(gofmt -l cmd internal migrations schemas); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...

.PHONY: check
check: check-fast ## Format, vet, lint, import rules and house rules: before every commit
	$(GO) tool staticcheck ./...
	$(GO) test ./internal/houserules

.PHONY: e2e
e2e: setup browser ## Only the browser tests
	$(GO) test -timeout 10m ./internal/web/...

.PHONY: race
race: setup ## The race detector over the rooms without the engine
	$(GO) test -race -timeout 30m ./internal/registry ./internal/intake ./internal/access ./internal/safety ./internal/web/... ./internal/stats/...

.PHONY: bench
bench: setup ## Benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./internal/...

.PHONY: bench-r
bench-r: ## Our fitters beside R's in one run (needs r-base-core r-cran-nlme r-cran-lme4 r-cran-survival; gls alone takes minutes)
	@command -v Rscript >/dev/null || { echo "R is needed: on Debian, apt-get install r-base-core r-cran-nlme r-cran-lme4 r-cran-survival, and call make again"; exit 3; }
	$(GO) build -trimpath -o bin/bench-r ./cmd/bench-r
	bin/bench-r

.PHONY: soak
soak: setup ## Long runs: 1,000 kills over 100,000 submissions; 2,000 simulated studies an estimator
	AFTERGLOW_SOAK=1 $(GO) test -timeout 4h -run 'TestSR1_|TestSR9_|TestSR15_' -v ./internal/intake/... ./internal/warehouse/...
	AFTERGLOW_SOAK=1 $(GO) test -timeout 2h -v ./internal/stats/recovery

.PHONY: mutants
mutants: setup ## Apply stored faults one by one to a copy of the source and count those that a test notices
	$(GO) build -trimpath -o bin/mutants ./cmd/mutants
	bin/mutants

FUZZ_TIME ?= 60s
.PHONY: fuzz
fuzz: setup ## Every fuzz target for FUZZ_TIME each
	@set -e; for p in $$($(GO) list ./internal/...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZ_TIME) -fuzzminimizetime 1x $$p; done; done

.PHONY: golden
golden: setup ## Rewrite the golden files; read their diff
	AFTERGLOW_GOLDEN=rewrite $(GO) test ./internal/web/... ./internal/chart/...

.PHONY: screenshots
screenshots: setup browser ## Render every page state into screenshots/: three widths, light, dark, twice the text, print
	$(GO) run ./internal/web/gallery/shoot screenshots

.PHONY: pictures
pictures: setup browser ## Take the README's pictures of the demo that 'make demo' serves at http://localhost:8080
	$(GO) run ./internal/web/gallery/shoot http://localhost:8080

.PHONY: clean
clean: ## Remove what was built; keeps the demo's data
	rm -rf bin node_modules screenshots; find $(DIST) -type f ! -name .keep -delete
