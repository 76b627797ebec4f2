-- What a price is made of (market::PriceSource::code); 0 where a ledger of before this did not write it down.
ALTER TABLE prices ADD COLUMN source INTEGER NOT NULL DEFAULT 0;

-- Prices that differed by more than the bound from those of a second source, read at about the same time.
CREATE TABLE price_disputes (
    event        INTEGER NOT NULL REFERENCES events (id),
    at           INTEGER NOT NULL,        -- when the second source was read
    price        REAL    NOT NULL,
    source       INTEGER NOT NULL,
    read_at      INTEGER NOT NULL,        -- when the first was read
    other        REAL    NOT NULL,
    other_source INTEGER NOT NULL,
    PRIMARY KEY (event, at)
) WITHOUT ROWID;
