#!/usr/bin/env bash
# Makes this archive again, with the program of the commit that wrote schema
# version 2 (the last commit before version 3). Call it in a clone with its
# history: testdata/folders/00002-clinic/make.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel)
commit=739caab
scratch=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$scratch/tree" 2>/dev/null || true; rm -rf "$scratch"' EXIT
git -C "$root" worktree add --detach "$scratch/tree" "$commit" >/dev/null
cp -a "$root/internal/web/assets/dist/." "$scratch/tree/internal/web/assets/dist/"
export AFTERGLOW_LIBCHDB="${AFTERGLOW_LIBCHDB:-$root/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so}"
mkdir "$scratch/tree/cmd/archive"
grep -v '^//go:build ignore' "$here/make.go" > "$scratch/tree/cmd/archive/main.go"
cd "$scratch/tree"
go build -o "$scratch/afterglow" ./cmd/afterglow
go build -o "$scratch/archive" ./cmd/archive
"$scratch/archive" "$scratch/folder" "$scratch/afterglow"
# The warehouse is left out: it is built anew from the registry.
mv "$scratch/folder/kept.json" "$here/kept.json"
tar --sort=name --mtime=@0 --owner=0 --group=0 -C "$scratch/folder" -czf "$here/folder.tar.gz" registry.db keys/master.key
ls -l "$here"
