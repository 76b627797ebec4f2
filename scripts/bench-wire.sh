#!/usr/bin/env bash
# Benchmarks of the wire: the axon's capacity, its memory, and its work under attack; the dendrite's tick. Prints tables in markdown.
# The Python peers are measured in the same run when NEURON_PYTHON names an interpreter with bittensor 10
# (scripts/python-peers.sh makes one) and ../shared/peers is there.
#
#   scripts/bench-wire.sh [BENCH...]      all of them, or those named (axon, dendrite)
set -euo pipefail
cd "$(dirname "$0")/.."
# Ten thousand connections, on both sides.
ulimit -n "$(ulimit -Hn)"

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
[ $# -gt 0 ] || set -- axon dendrite
for bench in "$@"; do
    cargo bench --quiet --no-default-features --bench "$bench"
done
