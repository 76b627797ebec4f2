#!/usr/bin/env bash
# Finds nginx, Caddy and HAProxy for the tests of their files in config/, and promtool for those of the alerts, on a Debian
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

# HAProxy asks for libraries that few machines have; a wrapper beside it names them.
find_haproxy() {
    local folder=$cache/haproxy program
    if program=$(command -v haproxy); then
        echo "export NEURON_HAPROXY='$program'"
        return
    fi
    if [ ! -x "$folder/run" ] && command -v apt-get dpkg-deb >/dev/null; then
        mkdir -p "$folder"
        (
            cd "$folder"
            apt-get -qq -o APT::Sandbox::User=root download haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
            for package in *.deb; do dpkg-deb -x "$package" .; done
            printf '#!/bin/sh\nLD_LIBRARY_PATH="$(echo "%s"/usr/lib/*-linux-gnu*)" exec "%s/usr/sbin/haproxy" "$@"\n' "$folder" "$folder" >run.new
            chmod 755 run.new
            ./run.new -v >&2 && mv run.new run
        ) >&2 || true
    fi
    if [ -x "$folder/run" ]; then echo "export NEURON_HAPROXY='$folder/run'"; fi
}

find_haproxy
find_proxy NEURON_NGINX nginx usr/sbin/nginx
find_proxy NEURON_CADDY caddy usr/bin/caddy
find_proxy NEURON_PROMTOOL promtool usr/bin/promtool prometheus
