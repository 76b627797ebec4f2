-- Events that validators asked about. Times in ms since the epoch.
CREATE TABLE asked_events (
    id          INTEGER PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,
    provider    TEXT    NOT NULL,
    market_id   TEXT    NOT NULL,
    description TEXT    NOT NULL,
    cutoff_ms   INTEGER,
    first_ms    INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    -- How often it was asked about, and how often there was an answer.
    asked       INTEGER NOT NULL,
    answered    INTEGER NOT NULL,
    last_p      REAL,
    -- When the market was last asked how it ended; 0 open, 1 ended with an outcome, 2 void.
    looked_ms   INTEGER,
    state       INTEGER NOT NULL DEFAULT 0,
    outcome     REAL,
    ended_ms    INTEGER
);
CREATE INDEX asked_events_by_state ON asked_events (state, looked_ms);
CREATE INDEX asked_events_by_last ON asked_events (last_ms);

-- Sums over the answers of one interval of the grid: all of them, and those at whose time a price was known.
CREATE TABLE answer_tallies (
    event     INTEGER NOT NULL REFERENCES asked_events (id) ON DELETE CASCADE,
    interval  INTEGER NOT NULL,
    answers   INTEGER NOT NULL,
    sum_p     REAL    NOT NULL,
    sum_p2    REAL    NOT NULL,
    priced    INTEGER NOT NULL,
    priced_p  REAL    NOT NULL,
    priced_p2 REAL    NOT NULL,
    sum_r     REAL    NOT NULL,
    sum_r2    REAL    NOT NULL,
    PRIMARY KEY (event, interval)
) WITHOUT ROWID;

-- Who asks.
CREATE TABLE askers (
    hotkey   BLOB    PRIMARY KEY,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    events   INTEGER NOT NULL
) WITHOUT ROWID;
