-- What is asked again and again, without going through all events: pages of a list, what was settled lately, what may have changed.
CREATE INDEX events_by_number ON events (state, id);
CREATE INDEX events_by_opening ON events (opened_at);
CREATE INDEX events_by_settlement ON events (settled_at);
CREATE INDEX events_by_end ON events (resolved_at, key) WHERE state <> 'open';

-- How many events are in each state: counting ten million takes seconds.
CREATE TABLE event_counts (
    state TEXT PRIMARY KEY,
    n     INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO event_counts (state, n) SELECT state, COUNT(*) FROM events GROUP BY state;
