#!/usr/bin/env bash
# Measures what each fault between client and chain costs, with the settings that operators have: the times of the table in
# docs/chain.md. Takes about three minutes beside the build; the development chain makes a block every 50 ms.
#
#   scripts/fault-times.sh
set -euo pipefail
cd "$(dirname "$0")/.."

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
# One after the other, so that no fault waits for another one's processor.
cargo test --quiet --test it fault_times:: -- --ignored --nocapture --test-threads 1
