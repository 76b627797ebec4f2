-- Times are milliseconds since the Unix epoch, UTC. Probabilities, prices and payouts are in 0..=1.
CREATE TABLE events (
    id               INTEGER PRIMARY KEY,
    key              TEXT    NOT NULL UNIQUE, -- {provider}-{provider_id}
    provider         TEXT    NOT NULL,
    provider_id      TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    opened_at        INTEGER NOT NULL,        -- when this validator first offered it
    cutoff           INTEGER NOT NULL,
    ends_at          INTEGER,
    interval_minutes INTEGER NOT NULL,        -- the grid its statistics are on
    state            TEXT    NOT NULL,        -- open, scored, void, no_window, no_price
    outcome          REAL,                    -- payout of the first outcome token
    resolved_at      INTEGER,                 -- the provider's time, or when it was first seen final
    settled_at       INTEGER
);
CREATE INDEX events_by_state ON events (state, resolved_at, key);

CREATE TABLE prices (
    event INTEGER NOT NULL REFERENCES events (id),
    at    INTEGER NOT NULL,
    price REAL    NOT NULL,
    PRIMARY KEY (event, at)
) WITHOUT ROWID;

-- Statistics of all miners of one event in one interval; the layout of `block` is in block.rs.
CREATE TABLE stats (
    event    INTEGER NOT NULL REFERENCES events (id),
    interval INTEGER NOT NULL,                -- index on the event's grid
    bracket  INTEGER NOT NULL,                -- 0: price in force; 1, 2: the lower, the higher of the prices around
    block    BLOB    NOT NULL,
    UNIQUE (event, interval, bracket)
);

-- Single reports, kept for as long as a late resolution may cut an interval in two (or longer, as a log).
CREATE TABLE raw (
    event INTEGER NOT NULL REFERENCES events (id),
    tick  INTEGER NOT NULL,
    block BLOB    NOT NULL
);
CREATE INDEX raw_by_event ON raw (event, tick);
CREATE INDEX raw_by_tick ON raw (tick);

CREATE TABLE ticks (
    at      INTEGER PRIMARY KEY,
    counted INTEGER NOT NULL                  -- reports that count
);

CREATE TABLE scores (
    event INTEGER NOT NULL REFERENCES events (id),
    miner INTEGER NOT NULL REFERENCES miners (id),
    score REAL    NOT NULL,
    PRIMARY KEY (event, miner)
) WITHOUT ROWID;
CREATE INDEX scores_by_miner ON scores (miner, event);
