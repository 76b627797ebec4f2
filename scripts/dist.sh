#!/usr/bin/env bash
# The binary that is shipped, in target/dist: optimised as a whole, without symbols; those are in neuron.debug beside it,
# where gdb, perf and addr2line look for them. Arguments go to cargo, as in `scripts/dist.sh --no-default-features`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/shipped.sh
build_shipped "$@"
cd "${CARGO_TARGET_DIR:-target}/dist"
objcopy --only-keep-debug neuron neuron.debug
objcopy --strip-all --add-gnu-debuglink=neuron.debug neuron
ls -l neuron neuron.debug
