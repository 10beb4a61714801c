#!/bin/sh
# Makes what Afterglow and its ClickHouse server need to trust each other: a private authority, the server's
# certificate, a password. The one-shot service of docker-compose.yml runs it at every start: what is there stays,
# a certificate that ends within 30 days is made anew (restart both services then). The authority's key is never
# stored, and nothing is printed but what was done.
set -eu
umask 077
CLICKHOUSE_OWNER=101:101
AFTERGLOW_OWNER=10001:10001
server=${SERVER_SECRETS:-/secrets/clickhouse}
client=${CLIENT_SECRETS:-/secrets/afterglow}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put FILE FOLDER OWNER: in one step, readable by its owner only.
put() {
	chmod 0400 "$1"
	[ "$(id -u)" != 0 ] || chown "$3" "$1"
	mv -f "$1" "$2/"
}

if [ ! -s "$client/password" ] || [ ! -s "$server/include.xml" ]; then
	openssl rand -hex 32 | tr -d '\n' >"$work/password"
	hash=$(openssl dgst -sha256 -r "$work/password" | cut -d' ' -f1)
	printf '<clickhouse><afterglow_password_sha256>%s</afterglow_password_sha256></clickhouse>\n' "$hash" >"$work/include.xml"
	{
		printf '<config><host>localhost</host><port>9440</port><secure>true</secure><user>afterglow</user><password>'
		cat "$work/password"
		printf '</password><openSSL><client><caConfig>/etc/clickhouse-server/secrets/ca.crt</caConfig><loadDefaultCAFile>false</loadDefaultCAFile></client></openSSL></config>\n'
	} >"$work/client.xml"
	put "$work/client.xml" "$server" "$CLICKHOUSE_OWNER"
	put "$work/include.xml" "$server" "$CLICKHOUSE_OWNER"
	put "$work/password" "$client" "$AFTERGLOW_OWNER"
	echo "secrets: a password was made"
fi

if [ ! -s "$client/ca.crt" ] || ! openssl x509 -in "$server/server.crt" -noout -checkend 2592000 >/dev/null 2>&1; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj '/CN=Afterglow private authority' \
		-addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign' \
		-keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=clickhouse' \
		-keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
	printf 'subjectAltName=DNS:clickhouse,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >"$work/extensions"
	openssl x509 -req -in "$work/server.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 820 \
		-extfile "$work/extensions" -out "$work/server.crt" 2>/dev/null
	mkdir "$work/for-server"
	cp "$work/ca.crt" "$work/for-server/ca.crt"
	put "$work/for-server/ca.crt" "$server" "$CLICKHOUSE_OWNER"
	put "$work/server.key" "$server" "$CLICKHOUSE_OWNER"
	put "$work/server.crt" "$server" "$CLICKHOUSE_OWNER"
	put "$work/ca.crt" "$client" "$AFTERGLOW_OWNER"
	echo "secrets: an authority and a certificate were made"
fi
