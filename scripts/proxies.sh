#!/usr/bin/env bash
# Finds nginx and Caddy for the tests of config/nginx.conf and config/Caddyfile, and promtool for those of the alerts, on a Debian
# machine without them by unpacking their packages into the user's cache, and prints the variables that name them:
#
#   eval "$(scripts/proxies.sh)"
#
# Without them those tests are counted as ignored.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/proxies"

# find_proxy VARIABLE PROGRAM PATH [PACKAGE]: PATH is where its package, of the same name unless said, has it.
find_proxy() {
    local variable=$1 program=$2 package=${4:-$2}
    local unpacked=$cache/$package/$3
    if found=$(command -v "$program"); then
        echo "export $variable='$found'"
        return
    fi
    if [ ! -x "$unpacked" ] && command -v apt-get dpkg-deb >/dev/null; then
        mkdir -p "$cache/$package"
        (cd "$cache/$package" && apt-get -qq -o APT::Sandbox::User=root download "$package" && dpkg-deb -x "$package"_*.deb .) >&2 || true
    fi
    if [ -x "$unpacked" ]; then echo "export $variable='$unpacked'"; fi
}

find_proxy NEURON_NGINX nginx usr/sbin/nginx
find_proxy NEURON_CADDY caddy usr/bin/caddy
find_proxy NEURON_PROMTOOL promtool usr/bin/promtool prometheus
