#!/usr/bin/env bash
# Benchmarks of streamed text: what the axon adds to a chunk at 200 streams of 50 chunks a second, CPU per chunk beside the
# Python axon, memory over rounds, what the gateway adds to the first chunk. Prints tables in markdown. The Python axon is
# measured in the same run when NEURON_PYTHON names an interpreter with bittensor 10 (scripts/python-peers.sh makes one) and
# ../shared/peers is there.
#
#   scripts/bench-stream.sh [streams|gateway]     both, or the one that is named
#   scripts/bench-stream.sh long                  the axon alone, its memory and delays by tenths of the time
#
# NEURON_BENCH_SECONDS (10) is the length of a stream, NEURON_BENCH_ROUNDS (3) how many rounds are counted: an hour of streams
# is NEURON_BENCH_SECONDS=20 NEURON_BENCH_ROUNDS=180 scripts/bench-stream.sh long. NEURON_BENCH_PROFILE=dev builds it as tests
# are built.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
if [ "${NEURON_BENCH_PROFILE:-}" = dev ]; then
    cargo bench --quiet --profile dev --bench stream -- "$@"
else
    cargo bench --quiet --no-default-features --bench stream -- "$@"
fi
