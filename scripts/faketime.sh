#!/usr/bin/env bash
# Finds libfaketime, for the tests that give a process a clock of its own, on a Debian machine without it by unpacking its package into
# the user's cache, and prints the variable that names it:
#
#   eval "$(scripts/faketime.sh)"
#
# Without it those tests are counted as ignored.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/faketime"
find_library() { find "$@" -name libfaketime.so.1 2>/dev/null | head -n 1 || true; }

library=$(find_library /usr/lib /usr/local/lib "$cache")
if [ -z "$library" ] && command -v apt-get dpkg-deb >/dev/null; then
    mkdir -p "$cache"
    (cd "$cache" && apt-get -qq -o APT::Sandbox::User=root download libfaketime && dpkg-deb -x libfaketime_*.deb .) >&2 || true
    library=$(find_library "$cache")
fi
if [ -n "$library" ]; then printf 'export NEURON_FAKETIME=%q\n' "$library"; fi
