#!/usr/bin/env bash
# The development chain by itself: until it is ready, a day of 12 s blocks, epochs of 256 × 256 and 1,024 × 4,096, memory over a
# million blocks with --history 256. Prints a table in markdown.
#
#   scripts/bench-localnet.sh [ready|day|epoch|memory]     all of them, or the one that is named
#
# NEURON_BENCH_BLOCKS (1000000) is how many blocks memory is watched over. NEURON_BENCH_PROFILE=dev builds it as tests are built.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
if [ "${NEURON_BENCH_PROFILE:-}" = dev ]; then
    cargo bench --quiet --profile dev --bench localnet -- "$@"
else
    cargo bench --quiet --bench localnet -- "$@"
fi
