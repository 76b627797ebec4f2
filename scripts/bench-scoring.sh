#!/usr/bin/env bash
# The benchmark of the scoring rules and, in the same run, the same events in Python, with the ratio of both.
#
# NEURON_PYTHON_DATA (see scripts/python-peers.sh) names an interpreter with numpy, pandas and pydantic; without it only
# plain loops are compared. Arguments go to cargo, as in `scripts/bench-scoring.sh --no-default-features`.
set -euo pipefail
cd "$(dirname "$0")/.."
table=$(mktemp)
trap 'rm -f "$table"' EXIT
echo "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(rustc --version)"
cargo bench "$@" --bench scoring | tee "$table"
echo
"${NEURON_PYTHON_DATA:-python3}" scripts/bench_scoring.py "$table"
