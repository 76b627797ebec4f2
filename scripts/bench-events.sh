#!/usr/bin/env bash
# What a validator of events does in a minute, at size: a tick over a swarm of axons, the ledger's part of it, a miner's answer, a
# restart over a grown ledger. Prints a table in markdown.
#
#   scripts/bench-events.sh [AXONS EVENTS KEPT]      by default 256 1000 20000
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n "$(ulimit -Hn)"

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
echo
cargo bench --quiet --no-default-features --bench tick -- "$@"
