-- Reports that count and came from conditional forecasts, per miner and interval.
CREATE TABLE by_rule (
    event    INTEGER NOT NULL REFERENCES events (id),
    miner    INTEGER NOT NULL REFERENCES miners (id),
    interval INTEGER NOT NULL,                -- index on the event's grid
    reports  INTEGER NOT NULL,
    PRIMARY KEY (event, miner, interval)
) WITHOUT ROWID;
