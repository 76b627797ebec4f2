-- Times are milliseconds since the Unix epoch, UTC; durations are milliseconds.
CREATE TABLE prompt_rounds (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    task      TEXT    NOT NULL,
    turn      INTEGER NOT NULL,               -- 0 for a first question
    messages  TEXT    NOT NULL,               -- JSON: [[role, text], …], the question last
    reference TEXT    NOT NULL,
    took_ms   INTEGER NOT NULL
);
CREATE INDEX prompt_rounds_by_time ON prompt_rounds (at);

CREATE TABLE prompt_answers (
    round      INTEGER NOT NULL REFERENCES prompt_rounds (id) ON DELETE CASCADE,
    miner      INTEGER NOT NULL REFERENCES miners (id),
    uid        INTEGER NOT NULL,              -- its slot at that time
    completion TEXT    NOT NULL,              -- all that came in time
    chunks     TEXT    NOT NULL,              -- JSON: [[ms from the beginning, tokens], …]
    status     INTEGER NOT NULL,
    timing_ms  REAL    NOT NULL,
    ended      TEXT    NOT NULL,              -- complete, or why it is only a part
    reason     TEXT,                          -- the same in words
    judgement  TEXT    NOT NULL,              -- JSON: rewards, penalties, total
    reward     REAL    NOT NULL,
    PRIMARY KEY (round, miner)
) WITHOUT ROWID;

-- The moving average, and what the mean is made of.
CREATE TABLE prompt_scores (
    miner   INTEGER PRIMARY KEY REFERENCES miners (id),
    score   REAL    NOT NULL,
    asked   INTEGER NOT NULL,
    said    INTEGER NOT NULL,                 -- answers with text
    rewards REAL    NOT NULL                  -- their sum
);
