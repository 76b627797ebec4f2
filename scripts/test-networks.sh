#!/usr/bin/env bash
# The tests of networks, which need the features `candle` and `onnx`. They take seconds; the some 90 crates of both take four minutes to
# build, and change the features of many others, so that most of the tree is built a second time. That is why `.ci/run` leaves
# them out.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo clippy --quiet --lib --tests --features candle,onnx -- -D warnings
cargo test --lib --features candle,onnx -- forecast::
