#!/bin/sh
# Measures the archive beside restic, kopia and borg, then the service with the same data, and prints tables. Builds the first two in the
# versions that tools/peers names, and installs borg where it is missing.
#
#   BENCH_DIR    where to work, ./bench-data by default; about 16 GiB at scale 1, removed in the end. /dev/shm/bench keeps disks out of it
#   BENCH_SCALE  size of the data, 1 by default
#   BENCH_RUNS   how often the comparison is run, 1 by default; the table has the medians
set -eu
cd "$(dirname "$0")/.."

say() { printf 'bench: %s\n' "$*" >&2; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
	else say "neither root nor sudo without a question: install $missing and try again"; return 1
	fi
}

if ! command -v borg >/dev/null 2>&1; then
	missing=borgbackup
	say "installing the Debian package $missing"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $missing >/dev/null ||
		{ as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $missing >/dev/null; }
fi

peers=$PWD/.tools/peers
say "building restic and kopia in the versions of tools/peers"
(cd tools/peers && CGO_ENABLED=0 ${GO:-go} build -o "$peers/" github.com/restic/restic/cmd/restic github.com/kopia/kopia) || {
	say "that failed: going on with what is on PATH"
	command -v restic >/dev/null 2>&1 || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y restic >/dev/null
}
PATH=$peers:$PATH
export PATH

CGO_ENABLED=0 ${GO:-go} build -trimpath -o bin/bench ./bench
[ -x bin/strongroom ] || CGO_ENABLED=0 ${GO:-go} build -trimpath -o bin/strongroom ./cmd/strongroom
dir=${BENCH_DIR:-bench-data}
mkdir -p "$dir"
scale=${BENCH_SCALE:-1}
bin/bench -dir "$dir" -scale "$scale" -runs "${BENCH_RUNS:-1}" -markdown "$dir/compare.md"
echo
bin/bench service -dir "$dir" -scale "$scale" -markdown "$dir/service.md"
say "the same as Markdown: $dir/compare.md and $dir/service.md"
