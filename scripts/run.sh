#!/usr/bin/env bash
# Runs a role and keeps its program up to date. Arguments go to neuron:
#   UPDATE_FROM=https://example.org/neuron UPDATE_KEY=RW… UPDATE_READY=http://127.0.0.1:9100/health \
#     pm2 start scripts/run.sh --name neuron-miner --kill-timeout 15000 -- miner --config config/miner.toml --metrics.port 9100
# Every UPDATE_EVERY seconds (1800) `neuron self-update` checks for a newer release of UPDATE_CHANNEL (stable). It checks the
# signature, restarts the role through SIGUSR1 to this script, and puts the old program back when the new one is not ready
# within UPDATE_WITHIN (60s). Without UPDATE_FROM nothing is updated. NEURON_PROGRAM is the program (neuron, from PATH).
set -uo pipefail

program=$(command -v "${NEURON_PROGRAM:-neuron}") || { echo "run.sh: ${NEURON_PROGRAM:-neuron} is not in PATH" >&2; exit 4; }
unset NEURON_PROGRAM
every=${UPDATE_EVERY:-1800}
if [ -n "${UPDATE_FROM:-}" ] && { [ -z "${UPDATE_KEY:-}" ] || [ -z "${UPDATE_READY:-}" ]; }; then
    echo "run.sh: UPDATE_FROM needs UPDATE_KEY (the public key of the releases) and UPDATE_READY (the URL of the role's /health)" >&2
    exit 2
fi

role= timer= updater= restart=
start() { "$program" "$@" & role=$!; }
wait_a_while() { if [ -n "${UPDATE_FROM:-}" ]; then sleep "$every" & timer=$!; fi; }
look() {
    "$program" self-update --program "$program" --from "$UPDATE_FROM" --public-key "$UPDATE_KEY" \
        --channel "${UPDATE_CHANNEL:-stable}" --restart "kill -USR1 $$" --ready "$UPDATE_READY" \
        --ready-within "${UPDATE_WITHIN:-60s}" --quiet &
    updater=$!
}
stop() {
    trap '' TERM INT
    [ -n "$updater" ] && kill "$updater" 2>/dev/null
    [ -n "$timer" ] && kill "$timer" 2>/dev/null
    kill "$role" 2>/dev/null
    wait "$role"
    exit $?
}
trap stop TERM INT
trap 'restart=yes; kill "$role" 2>/dev/null' USR1

start "$@"
wait_a_while
while :; do
    # A signal ends `wait` without an end of any of them; then `ended` is unset.
    wait -n -p ended ${role:+"$role"} ${timer:+"$timer"} ${updater:+"$updater"}
    status=$?
    case "${ended:-}" in
        "") ;;
        "$timer") timer=; look ;;
        "$updater") updater=; wait_a_while ;;
        "$role")
            # While an update is under way a program that ends is started again: it will be replaced, or put back.
            if [ -z "$restart" ] && [ -z "$updater" ]; then
                [ -n "$timer" ] && kill "$timer" 2>/dev/null
                exit "$status"
            fi
            if [ -z "$restart" ]; then sleep 1; fi
            restart=
            start "$@"
            ;;
    esac
done
