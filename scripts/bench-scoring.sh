#!/usr/bin/env bash
# The benchmark of the scoring rules and, in the same run, the same arithmetic in Python: a plain loop, and numpy when it
# is installed. Medians of three.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo bench --bench scoring
echo
exec python3 scripts/bench_scoring.py
