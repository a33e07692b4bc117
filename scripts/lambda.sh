#!/bin/sh
# Builds the copier as a Lambda function: bin/strongroom-copier.zip for GOARCH (amd64 if it is not set), or the archive named.
# No cgo, no paths and no dates go into it: the same source gives the same bytes.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
archive=${1:-bin/strongroom-copier.zip}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$(dirname "$archive")"
CGO_ENABLED=0 GOOS=linux GOARCH="${GOARCH:-amd64}" "$go" build -trimpath -buildvcs=false -tags lambda.norpc -ldflags='-s -w -buildid=' -o "$work/bootstrap" ./cmd/strongroom-copier
GOOS= GOARCH= CGO_ENABLED=0 "$go" run ./scripts/lambdazip "$work/bootstrap" "$archive"
echo "$archive: provided.al2023, ${GOARCH:-amd64}, $(wc -c <"$archive") bytes"
