-- What an event service was told: the predictions of an event by interval, and how it was scored.
CREATE TABLE told_intervals (
    event    INTEGER NOT NULL REFERENCES events (id),
    interval INTEGER NOT NULL,                -- index on the event's grid
    PRIMARY KEY (event, interval)
) WITHOUT ROWID;
CREATE TABLE told_results (
    event      INTEGER PRIMARY KEY REFERENCES events (id),
    settled_at INTEGER NOT NULL               -- of the scores that were told: a correction is told again
);
-- What a miner last said about an event beside its number.
CREATE TABLE reasons (
    event INTEGER NOT NULL REFERENCES events (id),
    miner INTEGER NOT NULL REFERENCES miners (id),
    at    INTEGER NOT NULL,
    text  TEXT    NOT NULL,
    PRIMARY KEY (event, miner)
) WITHOUT ROWID;
CREATE INDEX reasons_by_time ON reasons (at);
