-- Conditional forecasts: what a miner says about one event depending on the aggregate of another.
CREATE TABLE conditions (
    miner     INTEGER NOT NULL REFERENCES miners (id),
    place     INTEGER NOT NULL,               -- its rules in order: the first that holds speaks
    event     TEXT    NOT NULL,
    p         REAL    NOT NULL,
    if_event  TEXT    NOT NULL,
    above     INTEGER NOT NULL,
    threshold REAL    NOT NULL,
    sent_at   INTEGER NOT NULL,
    PRIMARY KEY (miner, place)
) WITHOUT ROWID;

-- The aggregate of the last closed round of each event.
CREATE TABLE aggregates (
    event   INTEGER PRIMARY KEY REFERENCES events (id),
    tick    INTEGER NOT NULL,
    p       REAL    NOT NULL,
    reports INTEGER NOT NULL
);
