#!/usr/bin/env bash
# Proof of work: hash rates of our solver (one core, all cores), of `bittensor_core.pow_mine_cpu` of SDK 11, and of SHA-256 with
# Keccak-256 and nothing else, one by one and sixteen at once. Prints a table in markdown. SDK 11 is measured in the same run when NEURON_PYTHON11
# names an interpreter with bittensor 11 (scripts/python-peers.sh makes one).
#
#   scripts/bench-pow.sh
#
# NEURON_BENCH_SECONDS (10) is how long each is measured. NEURON_BENCH_PROFILE=dev builds it as tests are built.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)," \
    "$(grep -m1 '^flags' /proc/cpuinfo | grep -ow 'sha_ni\|avx2\|avx512f' | sort -u | xargs)"
if [ "${NEURON_BENCH_PROFILE:-}" = dev ]; then
    cargo bench --quiet --profile dev --bench pow
else
    cargo bench --quiet --no-default-features --bench pow
fi
