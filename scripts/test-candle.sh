#!/usr/bin/env bash
# The tests of recurrent networks, which need the feature `candle`. They take seconds; its 36 crates take two minutes to build, and
# change the features of many others, so that most of the tree is built a second time. That is why `.ci/run` leaves them out.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo clippy --quiet --lib --tests --features candle -- -D warnings
cargo test --lib --features candle -- forecast::
