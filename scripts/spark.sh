#!/usr/bin/env bash
# Makes the virtual environment with Spark (once, some 450 MB; kept in the user's cache), where there is a Java of 17 or later,
# and prints the variable by which the tests find it:
#
#   eval "$(scripts/spark.sh)"
#
# Without it the test that asks a lake by Spark is counted as ignored.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/peers"
python="${PYTHON:-python3}"
packages="pyspark==4.0.1"

version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || true
if [ "${version:-0}" -lt 17 ]; then
    echo "spark.sh: no Java of 17 or later (Debian: apt install default-jre-headless)" >&2
    exit 0
fi
mkdir -p "$cache"
(
    flock 9
    if [ "$(cat "$cache/spark/.packages" 2>/dev/null)" != "$packages" ]; then
        rm -rf "$cache/spark"
        "$python" -m venv "$cache/spark"
        "$cache/spark/bin/pip" install --quiet --disable-pip-version-check "$packages"
        echo "$packages" >"$cache/spark/.packages"
    fi
) 9>"$cache/.spark.lock" >&2
echo "export NEURON_PYTHON_SPARK='$cache/spark/bin/python'"
