#!/usr/bin/env bash
# What a validator of events does in a minute, at size: a tick over a swarm of axons, the ledger's part of it, a settlement, a miner's
# answer, a restart over a grown ledger. The ledger is in SQLite and, where there is one, in a PostgreSQL of its own, which waits for
# its disk and then does not. Prints a table in markdown.
#
#   scripts/bench-events.sh [AXONS EVENTS KEPT]      by default 256 1000 20000
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n "$(ulimit -Hn)"

folder=$(mktemp -d)
stop() {
    for server in safe fast; do scripts/postgres.sh stop "$folder/$server" >/dev/null 2>&1 || true; done
    rm -rf "$folder"
}
trap stop EXIT
chmod a+x "$folder"
NEURON_BENCH_DB=
for server in safe fast; do
    safe=
    if [ "$server" = safe ]; then safe=1; fi
    found=$(NEURON_POSTGRES_SAFE=$safe scripts/postgres.sh start "$folder/$server")
    eval "$found"
    NEURON_BENCH_DB="$NEURON_BENCH_DB ${NEURON_TEST_POSTGRES:-}"
done
export NEURON_BENCH_DB

echo "$(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), load $(cut -d' ' -f1 /proc/loadavg)"
if [ -n "${NEURON_TEST_POSTGRES:-}" ]; then "$NEURON_POSTGRES/postgres" --version; else echo "without PostgreSQL: SQLite alone"; fi
echo
cargo bench --quiet --no-default-features --features postgres --bench tick -- "$@"
