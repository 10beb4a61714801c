#!/bin/sh
# Copies what the pages use from node_modules into the folder that the Go build
# embeds. Run by `make assets`, after `npm ci`.
set -eu
cd "$(dirname "$0")/.."
dist=internal/web/assets/dist
for file in \
	node_modules/echarts/dist/echarts.min.js \
	node_modules/@picocss/pico/css/pico.min.css; do
	if [ ! -f "$file" ]; then
		echo "assets: $file is missing: run 'npm ci' first" >&2
		exit 3
	fi
	cmp -s "$file" "$dist/${file##*/}" || cp "$file" "$dist/"
done
