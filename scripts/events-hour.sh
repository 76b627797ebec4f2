#!/usr/bin/env bash
# A validator of events at one tick a minute over a swarm of axons: its memory over time, and by how much its ledger grows a day.
# Prints a table in markdown.
#
#   scripts/events-hour.sh [MINUTES [AXONS EVENTS]]      by default 60 256 1000
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n "$(ulimit -Hn)"

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
echo
cargo bench --quiet --no-default-features --bench tick -- hour "${1:-60}" "${2:-256}" "${3:-1000}"
