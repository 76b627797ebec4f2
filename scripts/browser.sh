#!/usr/bin/env bash
# Finds what the tests of the page need, and prints where it is as exports: Chromium (Debian: `apt-get install chromium`), and
# axe-core, which npm installs into the user's cache. What is missing is left out; a test that needs it is ignored.
set -euo pipefail
folder="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/axe"
axe="$folder/node_modules/axe-core/axe.min.js"

for name in chromium chromium-browser google-chrome; do
    if program=$(command -v "$name"); then
        printf 'export NEURON_CHROMIUM=%q\n' "$program"
        break
    fi
done
if [ ! -e "$axe" ] && command -v npm >/dev/null; then
    mkdir -p "$folder"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" axe-core@4.10.3 >&2 || true
fi
if [ -e "$axe" ]; then printf 'export NEURON_AXE=%q\n' "$axe"; fi
