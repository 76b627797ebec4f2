#!/usr/bin/env bash
# Finds pm2, or installs it by npm into the user's cache, and prints where it is as an export: eval "$(scripts/pm2.sh)".
# Where there is no npm nothing is printed, and the tests below pm2 are ignored.
set -euo pipefail
folder="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/pm2"

if program=$(command -v pm2); then
    printf 'export NEURON_PM2=%q\n' "$program"
    exit
fi
program="$folder/node_modules/.bin/pm2"
if [ ! -e "$program" ] && command -v npm >/dev/null; then
    mkdir -p "$folder"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" pm2@6.0.8 >&2 || true
fi
if [ -e "$program" ]; then printf 'export NEURON_PM2=%q\n' "$program"; fi
