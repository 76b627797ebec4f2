#!/usr/bin/env bash
# Benchmarks of the chain client against a development chain of 256 neurons: reading a metagraph beside SDK 10 on the same
# endpoint, submission to inclusion, sealing a time-locked commit, CPU while nothing happens; and set_weights that the
# development chain takes in a second. Prints a table in markdown. The SDK is measured in the same run when NEURON_PYTHON
# names an interpreter with bittensor 10 (scripts/python-peers.sh makes one).
#
#   scripts/bench-chain.sh [metagraph|inclusion|sealing|idle|throughput]     all of them, or the one that is named
#
# NEURON_BENCH_SECONDS (60) is how long nothing happens, NEURON_BENCH_ROUNDS (4) how often 2,550 accounts set theirs.
# NEURON_BENCH_PROFILE=dev builds it as tests are built.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
if [ "${NEURON_BENCH_PROFILE:-}" = dev ]; then
    cargo bench --quiet --profile dev --bench chain -- "$@"
else
    cargo bench --quiet --bench chain -- "$@"
fi
