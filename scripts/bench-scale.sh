#!/usr/bin/env bash
# A simulated year of a ledger in SQLite and, where there is one, in a PostgreSQL of its own: what an event costs at several sizes, and
# how long a year's export takes. Prints tables in markdown (docs/scale.md).
#
#   scripts/bench-scale.sh [EVENTS...] [--miners N]     by default 1000 10000 100000, 32 miners
#   scripts/bench-scale.sh export [EVENTS] [--miners N] by default 20000 and 256: 5 million scores, 30 million intervals
#   scripts/bench-scale.sh top [EVENTS...]              what a day costs on top of so many events; up to ten million
#   scripts/bench-scale.sh learn [EVENTS]               what learning from two weeks takes
#
# `--skip 1` leaves SQLite out.
#
# An event takes 80 bytes per miner and interval on the disk, six intervals each: a million events of 32 miners are 16 GB in each of
# the two. The server waits for its disk, as one at work does; its files are in a folder below TMPDIR.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# = 0 ]; then set -- 1000 10000 100000; fi

folder=$(mktemp -d)
trap 'scripts/postgres.sh stop "$folder/server" >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
chmod a+x "$folder"
found=$(NEURON_POSTGRES_SAFE=1 scripts/postgres.sh start "$folder/server")
eval "$found"
export NEURON_BENCH_DB="${NEURON_TEST_POSTGRES:-}"

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
if [ -n "$NEURON_BENCH_DB" ]; then "$NEURON_POSTGRES/postgres" --version; else echo "without PostgreSQL: SQLite alone"; fi
echo
cargo bench --quiet --no-default-features --features postgres --bench scale -- "$@"
