-- What every kind of work needs. Times are milliseconds since the Unix epoch, UTC.

-- A miner is a hotkey with the block of its registration; the same hotkey registered again is another row.
CREATE TABLE miners (
    id               INTEGER PRIMARY KEY,
    hotkey           TEXT    NOT NULL,
    registered_block INTEGER NOT NULL,
    known_since      INTEGER NOT NULL,        -- registration time, or when its first report was recorded
    UNIQUE (hotkey, registered_block)
);

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE weight_sets (
    at      INTEGER PRIMARY KEY,
    block   INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    weights TEXT    NOT NULL                  -- JSON: [[uid, u16], …]
);

-- Small notes of the owner and of the ledger itself.
CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
