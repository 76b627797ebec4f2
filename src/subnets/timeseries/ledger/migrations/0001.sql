-- One request to all miners: committed, then open, then scored; or dropped, with the reason. Times are ms since 1970.
CREATE TABLE ts_requests (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    round INTEGER NOT NULL UNIQUE,
    starts_at INTEGER,
    state TEXT NOT NULL,
    reason TEXT,
    truth BLOB,
    volatility REAL,
    scored_at INTEGER
);
CREATE INDEX ts_requests_state ON ts_requests (state, starts_at);

-- What each miner committed to, and what became of it.
CREATE TABLE ts_commitments (
    request INTEGER NOT NULL REFERENCES ts_requests (id),
    miner INTEGER NOT NULL,
    hash TEXT NOT NULL,
    fate TEXT,
    PRIMARY KEY (request, miner)
) WITHOUT ROWID;

-- Forecasts that count: closes as little-endian doubles; error in dollars and share of the request once it is scored.
CREATE TABLE ts_forecasts (
    request INTEGER NOT NULL REFERENCES ts_requests (id),
    miner INTEGER NOT NULL,
    closes BLOB NOT NULL,
    rmse REAL,
    share REAL,
    PRIMARY KEY (request, miner)
) WITHOUT ROWID;

-- The long-run weight of every miner, with the number of its scored forecasts and the sums of their shares and errors.
CREATE TABLE ts_weights (
    miner INTEGER PRIMARY KEY,
    weight REAL NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0,
    shares REAL NOT NULL DEFAULT 0,
    errors REAL NOT NULL DEFAULT 0
);
