# How the program that is shipped is built, read by dist.sh and release.sh: what one of them measures, the other ships.

build_shipped() { # arguments for cargo
    # Level 3 is for the last step alone, where everything is linked and optimised together: hot crates are inlined into each other again,
    # and what is compiled for size stays small (0.1 MB more; docs/wire-benchmark.md).
    # Of SQLite, the modules that no table of ours uses are left out; FTS5 stays, the articles for language models are searched by it.
    LIBSQLITE3_FLAGS="-USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_RTREE -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_SOUNDEX" \
        cargo rustc --profile dist --features small-tables,cli-in-library --bin neuron "$@" -- -C opt-level=3
}
