#!/bin/bash
# Runs the tests of the warehouse again with ClickHouse as a server: an engine that
# listens on loopback, which only a test build can do.
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}
work=$(mktemp -d)
$GO build -tags testbuild -o "$work/afterglow" ./cmd/afterglow
"$work/afterglow" engine --listen 127.0.0.1:0 --data "$work/data" >"$work/address" &
engine=$!
trap 'kill $engine 2>/dev/null || true; wait $engine 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 1 600); do
	[ -s "$work/address" ] && break
	kill -0 $engine || { echo "the engine ended before it answered"; exit 1; }
	sleep 0.1
done
[ -s "$work/address" ] || { echo "the engine did not answer within a minute"; exit 1; }
AFTERGLOW_CLICKHOUSE=$(cat "$work/address")
export AFTERGLOW_CLICKHOUSE
echo "The same tests with ClickHouse as a server at $AFTERGLOW_CLICKHOUSE"
$GO test -count=1 -timeout 10m -run 'TestDriver/address' ./internal/warehouse/engine
$GO test -count=1 -timeout 10m ./internal/warehouse ./internal/durability
