-- Every change of an event, with its time: offered, moved, settled, corrected. What a ledger of before this held is its first line.
CREATE TABLE changes (
    event   INTEGER NOT NULL REFERENCES events (id),
    at      INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    cutoff  INTEGER NOT NULL,
    outcome REAL
);
CREATE INDEX changes_by_event ON changes (event);
INSERT INTO changes (event, at, state, cutoff, outcome)
    SELECT id, opened_at, 'open', cutoff, NULL FROM events;
INSERT INTO changes (event, at, state, cutoff, outcome)
    SELECT id, settled_at, state, cutoff, outcome FROM events WHERE state <> 'open' AND settled_at IS NOT NULL;
