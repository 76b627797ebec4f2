#!/usr/bin/env bash
# How long commands take from their start to their first byte and to their end: medians of 50 runs of wall time and processor time,
# and the quickest first byte, of `--help`, `--version`, `wallet list`, and of the commands that ask a development chain on this
# machine; for those also how much of it the chain's process worked. Prints a table in markdown.
#
#   scripts/bench-cli.sh
#
# NEURON_BIN names the program to measure; without it a release build is made. NEURON_BENCH_RUNS (50) is how often.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${NEURON_BIN:-}" ]; then
    cargo build --quiet --release
    NEURON_BIN=${CARGO_TARGET_DIR:-target}/release/neuron
fi
echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
exec python3 scripts/bench_cli.py "$NEURON_BIN" "${NEURON_BENCH_RUNS:-50}"
