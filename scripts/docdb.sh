#!/usr/bin/env bash
# Builds bin/strongroom-docdb, the DocumentDB engine: FerretDB, whose dependencies stay in a module of their own (engines/docdb).
#
# FerretDB's program ends at once unless the file version.txt lies among its sources, which its releases make and its module
# lacks. So the module's sources are laid beside go.mod (vendor), the file is added, and they are removed when all is built.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top/engines/docdb"
export CGO_ENABLED=0 GOFLAGS=-mod=mod GOWORK=off
trap 'rm -rf vendor' EXIT
version=$(go list -m -f '{{.Version}}' github.com/FerretDB/FerretDB)
go mod vendor
echo "$version" >vendor/github.com/FerretDB/FerretDB/build/version/version.txt
mkdir -p "$top/bin"
GOFLAGS=-mod=vendor go build -trimpath -buildvcs=false -tags ferretdb_no_sqlite -ldflags '-s -w' -o "$top/bin/strongroom-docdb" \
	github.com/FerretDB/FerretDB/cmd/ferretdb
