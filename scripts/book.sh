#!/usr/bin/env bash
# Finds mdbook, or builds it from its crate into the user's cache (some minutes, once), and prints where it is as an export:
# eval "$(scripts/book.sh)". `mdbook serve` then shows the book; the tests build it.
set -euo pipefail
version=0.5.4
folder="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/mdbook-$version"

if program=$(command -v mdbook); then
    printf 'export NEURON_MDBOOK=%q\n' "$program"
    exit
fi
program="$folder/bin/mdbook"
if [ ! -e "$program" ]; then
    cargo install --quiet --locked --no-default-features --root "$folder" --version "$version" mdbook >&2 || true
fi
if [ -e "$program" ]; then printf 'export NEURON_MDBOOK=%q\n' "$program"; fi
