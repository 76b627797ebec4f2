-- What an event service says of an event beside its question: its kind, and a JSON object that miners are told.
ALTER TABLE events ADD COLUMN kind TEXT;
ALTER TABLE events ADD COLUMN metadata TEXT;

-- What the market's oracle last said of the outcome: proposed, disputed, resolved; and when that was seen.
ALTER TABLE events ADD COLUMN review TEXT;
ALTER TABLE events ADD COLUMN reviewed_at INTEGER;
CREATE INDEX events_by_review ON events (review);

-- Every change of that.
CREATE TABLE reviews (
    event  INTEGER NOT NULL REFERENCES events (id),
    at     INTEGER NOT NULL,
    review TEXT    NOT NULL,
    PRIMARY KEY (event, at)
) WITHOUT ROWID;
