#!/usr/bin/env bash
# Measures the wallet's figures: listing 1,000 wallets, the first output, and one NaCl unlock, compared with the
# Python library in the same run. Times are seconds of this machine's clock; run it on an idle one.
#
#   cargo build --release && scripts/bench-wallet.sh
#
# NEURON names the binary; NEURON_PYTHON_WALLET411 (see scripts/python-peers.sh) the interpreter with bittensor_wallet.
set -euo pipefail
cd "$(dirname "$0")/.."
neuron=${NEURON:-${CARGO_TARGET_DIR:-target}/release/neuron}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT='%3R s (%3U s of CPU)'

"$neuron" wallet create --wallet.path "$work/many" --wallet.name w0 --no-password >/dev/null 2>&1
for i in $(seq 1 999); do cp -r "$work/many/w0" "$work/many/w$i"; done
"$neuron" wallet list --wallet.path "$work/many" >/dev/null
echo -n "list of 1,000 wallets: " >&2
time "$neuron" wallet list --wallet.path "$work/many" >/dev/null
echo -n "start to the end of an empty list: " >&2
time "$neuron" wallet list --wallet.path "$work/none" >/dev/null

printf 'a long and memorable password' >"$work/password"
"$neuron" wallet new-coldkey --wallet.path "$work" --wallet.name one --wallet.password_file "$work/password" >/dev/null 2>&1
for _ in 1 2 3; do
    echo -n "unlock, neuron: " >&2
    time "$neuron" wallet sign one --message x --wallet.path "$work" --wallet.password_file "$work/password" >/dev/null
    if [ -n "${NEURON_PYTHON_WALLET411:-}" ]; then
        echo -n "unlock, bittensor_wallet: " >&2
        time "$NEURON_PYTHON_WALLET411" - "$work/one/coldkey" "$(cat "$work/password")" >/dev/null <<'PY'
import sys
from bittensor_wallet import Keyfile
Keyfile(sys.argv[1]).get_keypair(sys.argv[2])
PY
    fi
done
