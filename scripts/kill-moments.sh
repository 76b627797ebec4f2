#!/usr/bin/env bash
# Kills a validator (market, axons and HTTP around it, in one process) with SIGKILL at N moments, starts it again each time, and
# compares everything that it knows in the end with one that was left alone. Prints a line.
#
#   scripts/kill-moments.sh [N [SEED]]      by default 1000 moments, from a seed of its own, which is printed
set -euo pipefail
cd "$(dirname "$0")/.."
export NEURON_KILLS="${1:-1000}" NEURON_KILL_SEED="${2:-$((RANDOM + 1))}"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if cargo test --quiet --test it validator_kill9::killed -- --nocapture >"$log" 2>&1 && grep '^killed at ' "$log"; then
    exit 0
fi
cat "$log" >&2
echo "FAILED at $NEURON_KILLS moments (seed $NEURON_KILL_SEED); what it said is above"
exit 1
