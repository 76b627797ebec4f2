#!/usr/bin/env bash
# Finds PostgreSQL's programs, on a Debian machine without them by unpacking their packages into a cache, and prints where
# they are; with `start` it also starts a server for tests, which trusts whoever connects and forgets when power fails:
#
#   eval "$(scripts/postgres.sh)"                NEURON_POSTGRES: the folder of initdb, postgres, psql, pg_basebackup
#   eval "$(scripts/postgres.sh start FOLDER)"   and NEURON_TEST_POSTGRES: the URL of a server whose files are in FOLDER
#   scripts/postgres.sh stop FOLDER              ends it; its files stay
#
# NEURON_POSTGRES_SAFE=1 makes it wait for its disk, as a server at work does: for measuring.
#
# Without PostgreSQL nothing is printed, and the tests that need one are counted as ignored. PostgreSQL refuses to run as root,
# so root's servers run as `nobody`.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
    as_server=(setpriv --reuid=nobody --regid="$(id -gn nobody)" --clear-groups)
    # Where nobody can read.
    cache="${NEURON_POSTGRES_CACHE:-/var/cache/neuron/postgres}"
else
    as_server=()
    cache="${NEURON_POSTGRES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neuron/postgres}"
fi

# The newest version that is installed where Debian has it, or what the PATH has.
installed() {
    local newest
    newest=$(find /usr/lib/postgresql/*/bin -name postgres 2>/dev/null | sort -V | tail -n 1)
    if [ -z "$newest" ]; then newest=$(command -v postgres || true); fi
    if [ -n "$newest" ] && [ -x "$(dirname "$newest")/initdb" ]; then dirname "$newest"; fi
}

# Debian's packages unpacked into the cache, behind programs that know their libraries. What only serves to install a cluster for
# the machine, or to compile queries, is left out.
unpack() {
    command -v apt-get dpkg-deb >/dev/null || return 0
    local version packages
    version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]\+\)$/\1/p' | head -n 1)
    [ -n "$version" ] || return 0
    packages=$(apt-get -s -o Debug::NoLocking=1 install --no-install-recommends "postgresql-$version" |
        sed -n 's/^Inst \([^ ]*\).*/\1/p' | grep -E "^(postgresql-(client-)?$version|lib.*)\$" | grep -v -E '^lib(llvm|.*-perl$)')
    mkdir -p "$cache/debs" "$cache/bin"
    (cd "$cache/debs" && echo "$packages" | xargs apt-get -qq -o APT::Sandbox::User=root download) >&2
    for deb in "$cache"/debs/*.deb; do dpkg-deb -x "$deb" "$cache"; done
    rm -r "$cache/debs"
    local libraries program
    libraries=$(find "$cache/usr/lib" "$cache/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | grep -v postgresql | sort -u | paste -s -d :)
    for program in "$cache/usr/lib/postgresql/$version/bin"/*; do
        printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$libraries" "$program" >"$cache/bin/$(basename "$program")"
    done
    chmod -R a+rX "$cache"
    chmod a+x "$cache"/bin/*
}

find_programs() {
    programs=
    if [ -z "${NEURON_POSTGRES_CACHE:-}" ]; then programs=$(installed); fi
    if [ -n "$programs" ]; then return; fi
    if [ ! -x "$cache/bin/psql" ]; then unpack || true; fi
    if [ -x "$cache/bin/psql" ] && "$cache/bin/postgres" --version >/dev/null; then programs=$cache/bin; fi
}

start() {
    local folder=$1 port
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown nobody "$folder"; fi
    if [ ! -e "$folder/data/PG_VERSION" ]; then
        (cd / && "${as_server[@]}" "$programs/initdb" -D "$folder/data" -A trust -U neuron -E UTF8 --locale=C -N) >&2
    fi
    if ! (cd / && "${as_server[@]}" "$programs/pg_ctl" -D "$folder/data" status) >/dev/null; then
        local fsync=off
        if [ -n "${NEURON_POSTGRES_SAFE:-}" ]; then fsync=on; fi
        for port in $(shuf -i 20000-32000 -n 5); do
            local options="-p $port -k $folder -c listen_addresses=127.0.0.1 -c fsync=$fsync -c max_connections=300"
            if (cd / && "${as_server[@]}" "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -o "$options" -w start) >&2; then break; fi
        done
    fi
    port=$(sed -n 4p "$folder/data/postmaster.pid")
    printf 'export NEURON_TEST_POSTGRES=%q\n' "postgres://neuron@127.0.0.1:$port/postgres"
}

command=${1:-find}
folder=${2:-}
if [ "$command" != find ] && [ -z "$folder" ]; then
    echo "usage: scripts/postgres.sh [start FOLDER | stop FOLDER]" >&2
    exit 64
fi
if [ "$command" != find ]; then folder=$(realpath -m "$folder"); fi
find_programs
if [ -z "$programs" ]; then
    echo "no PostgreSQL here: what needs one is left out" >&2
    exit
fi
case $command in
find) printf 'export NEURON_POSTGRES=%q\n' "$programs" ;;
start)
    printf 'export NEURON_POSTGRES=%q\n' "$programs"
    start "$folder"
    ;;
stop) (cd / && "${as_server[@]}" "$programs/pg_ctl" -D "$folder/data" -m immediate stop) >&2 ;;
*)
    echo "usage: scripts/postgres.sh [start FOLDER | stop FOLDER]" >&2
    exit 64
    ;;
esac
