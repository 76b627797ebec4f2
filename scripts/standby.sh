#!/usr/bin/env bash
# Shows in two minutes how a second validator takes over: with a development chain, a simulated market, a miner, its own PostgreSQL,
# and two validators with one hotkey. One is killed, the next is paused and continued, and the rows of the database are counted.
#
#   scripts/standby.sh [NEURON]      NEURON: the program, built with the feature `postgres`; built when none is named
#
# Everything is in a temporary folder and on loopback, and is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    neuron=$(realpath "$1")
else
    cargo build --quiet
    neuron="${CARGO_TARGET_DIR:-target}/debug/neuron"
fi
folder=$(mktemp -d)
chmod a+x "$folder"
export HOME=$folder
postgres=$(scripts/postgres.sh start "$folder/postgres" 2>/dev/null)
eval "$postgres"
if [ -z "${NEURON_TEST_POSTGRES:-}" ]; then
    echo "there is no PostgreSQL here, and Debian's could not be had" >&2
    exit 1
fi
database=$NEURON_TEST_POSTGRES
ended() {
    kill -CONT $(jobs -p) 2>/dev/null || true
    kill -9 $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    scripts/postgres.sh stop "$folder/postgres" 2>/dev/null || true
    rm -rf "$folder"
}
trap ended EXIT

say() { printf '\n[%3d s] %s\n' "$SECONDS" "$*"; }
# What the only ledger there says.
query() {
    "$NEURON_POSTGRES/psql" -X -q -A -t "$database" 2>/dev/null <<<"
        SELECT quote_ident(nspname) AS ledger FROM pg_namespace WHERE nspname LIKE 'sn155%' \\gset
        SET search_path = :ledger; $1;" || true
}
health() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /health HTTP/1.0\r\n\r\n' >&3 && cat <&3) 2>/dev/null || true; }
role() { health "$1" | grep -o '"ledger_role":"[a-z]*"' | cut -d '"' -f 4 || true; }
until_so() { # WHAT COMMAND…
    local what=$1 begin=$SECONDS
    shift
    until "$@"; do
        if [ $((SECONDS - begin)) -gt 90 ]; then
            echo "it did not come to this: $what; the logs:" >&2
            tail -n 5 "$folder"/*.log >&2
            exit 1
        fi
        sleep 0.2
    done
}
is() { [ "$(role "$1")" = "$2" ]; }
has_ticked_since() { [ "$(query "SELECT count(*) FROM ticks WHERE at > $1")" -gt 0 ] 2>/dev/null; }
has_weights() { [ "$(query "SELECT count(*) FROM weight_steps WHERE step = 'included'")" -gt "$1" ] 2>/dev/null; }
waits_for() { health "$1" | grep -q "\"holder\":\"[^\"]*pid $2"; }
told() { grep -q 'taken over by another process' "$folder/b.log"; }
has_scores() { [ "$(query 'SELECT count(*) FROM scores')" -gt 0 ] 2>/dev/null; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port() { shuf -i 20000-32000 -n 1; }

chain_port=$(port) market_port=$(port) axon_port=$(port) a=$(port) b=$(port)
chain=(--netuid 155 --subtensor.network "ws://127.0.0.1:$chain_port" --wallet.path "$folder/wallets")
market=(--market polymarket --market.polymarket.url "http://127.0.0.1:$market_port")
show() { # LOG ARGUMENTS…: starts a neuron in the background
    local log=$folder/$1.log
    shift
    "$neuron" "$@" >/dev/null 2>>"$log" </dev/null &
}
make() { "$neuron" "$@" --yes >/dev/null 2>>"$folder/make.log"; }
validator() { # NAME PORT MORE…
    local name=$1 metrics=$2
    shift 2
    show "$name" validator "${chain[@]}" --wallet.name v "${market[@]}" --market.cutoff_before_end 0s --dendrite.allow_private \
        --tick 500ms --db.directory "$folder/$name" --db.url "$database" --metrics.port "$metrics" "$@"
}

say "a development chain, a simulated market, a miner"
show chain localnet --port "$chain_port" --block-time 25ms
show market market-sim --listen "127.0.0.1:$market_port" --spacing 1s --horizon 8s --step 1s --lag 2s
until_so "the chain answers" answers "$chain_port"
until_so "the market answers" answers "$market_port"
for name in v m; do
    make wallet new-coldkey --uri //Bob --wallet.path "$folder/wallets" --wallet.name "$name" --no-password
    make wallet new-hotkey --uri "//Show//$name" --wallet.path "$folder/wallets" --wallet.name "$name" --no-password
    make register --netuid 155 --network "ws://127.0.0.1:$chain_port" --wallet.path "$folder/wallets" --wallet.name "$name"
done
make stake add --amount 1000 --netuid 155 --network "ws://127.0.0.1:$chain_port" --wallet.path "$folder/wallets" --wallet.name v
show miner miner "${chain[@]}" --wallet.name m "${market[@]}" --axon.ip 127.0.0.2 --axon.port "$axon_port" --blacklist.min_stake 100 \
    --forecaster skilled --forecaster.refresh 500ms

say "validator A works on PostgreSQL"
validator a "$a"
first=$!
until_so "A is active" is "$a" active
until_so "an event is scored" has_scores
until_so "weights are in a block" has_weights 0
say "validator B has the same hotkey and database, and --standby: it waits"
validator b "$b" --standby
second=$!
until_so "B waits for A" waits_for "$b" "$first"
health "$b" | grep -o '"ledger":{[^}]*}'

say "A is killed with -9"
last=$(query 'SELECT max(at) FROM ticks') begin=$SECONDS
{ kill -9 "$first" && wait "$first"; } 2>/dev/null || true
until_so "B ticks" has_ticked_since "$last"
say "B has taken over, with its first round recorded after $((SECONDS - begin)) s (promised: 15 s)"

say "A comes back, as a standby; B is paused with SIGSTOP for longer than its lease"
validator a "$a" --standby
until_so "A stands by" is "$a" standby
last=$(query 'SELECT max(at) FROM ticks') begin=$SECONDS
kill -STOP "$second"
until_so "A ticks" has_ticked_since "$last"
say "A has taken over after $((SECONDS - begin)) s; B continues now, and does not know it yet"
kill -CONT "$second"
until_so "B is told" told
until_so "B stands by" is "$b" standby
grep -h 'taken over by another process' "$folder/b.log" | tail -n 1
until_so "weights are in a block that were due since" has_weights "$(query "SELECT count(*) FROM weight_steps WHERE step = 'included'")"

say "what the database holds"
printf 'rounds recorded: %s, events scored: %s, answers that are there twice: %s, take-overs: %s\n' \
    "$(query 'SELECT count(*) FROM ticks')" "$(query "SELECT count(*) FROM events WHERE state = 'scored'")" \
    "$(query 'SELECT count(*) FROM (SELECT 1 FROM raw GROUP BY event, tick HAVING count(*) > 1) AS twice')" \
    "$(query 'SELECT takeovers FROM lease')"
printf 'weights in a block: %s, of them for one due time twice: %s\n' \
    "$(query "SELECT count(DISTINCT job) FROM weight_steps WHERE step = 'included'")" \
    "$(query "SELECT count(*) FROM (SELECT after_block FROM weight_jobs WHERE id IN (SELECT job FROM weight_steps WHERE step = 'included') GROUP BY after_block HAVING count(*) > 1) AS twice")"
