#!/usr/bin/env bash
# A ledger of events filled with a day at one tick a minute, as fast as it goes: by how much each of its tables grows, and how long a
# tick and a settlement take. Prints a table in markdown. With 256 miners and 1,000 events it takes some ten minutes and 2 GB of disk;
# growth is in proportion to the events, so that 100 of them tell the same in one.
#
#   scripts/events-day.sh [MINERS EVENTS]      by default 256 100
set -euo pipefail
cd "$(dirname "$0")/.."

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
echo
cargo bench --quiet --no-default-features --bench tick -- day "${1:-256}" "${2:-100}"
