# How the program that is shipped is built, read by dist.sh and release.sh: what one of them measures, the other ships.

build_shipped() { # arguments for cargo
    # Of SQLite, the modules that no table of ours uses are left out; FTS5 stays, the articles for language models are searched by it.
    LIBSQLITE3_FLAGS="-USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_RTREE -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_SOUNDEX" \
        cargo build --profile dist --features small-tables --bin neuron "$@"
}
