-- Weights: one job per due time, and every step it took. What a successor needs to go on is in the job.
CREATE TABLE weight_jobs (
    id          INTEGER PRIMARY KEY,
    mechanism   INTEGER NOT NULL,
    after_block INTEGER NOT NULL,             -- the validator's last update on the chain when the job became due
    mode        TEXT    NOT NULL,             -- plain, hashed, timelocked
    stage       TEXT    NOT NULL,
    open        INTEGER NOT NULL,             -- 1 as long as something is to be done
    weights     TEXT    NOT NULL,             -- JSON: [[uid, u16], …]
    plan        TEXT    NOT NULL              -- JSON of whoever writes weights
);
CREATE INDEX weight_jobs_open ON weight_jobs (open) WHERE open = 1;

CREATE TABLE weight_steps (
    job   INTEGER NOT NULL REFERENCES weight_jobs (id) ON DELETE CASCADE,
    at    INTEGER NOT NULL,
    block INTEGER NOT NULL,                   -- of the chain: where it happened, or where it was seen
    hash  TEXT,                               -- of the transaction, the commit or the block, 0x…
    step  TEXT    NOT NULL,
    cause TEXT
);
CREATE INDEX weight_steps_job ON weight_steps (job);

-- What was kept before: the numbers and what became of them in a word.
INSERT INTO weight_jobs (id, mechanism, after_block, mode, stage, open, weights, plan)
SELECT ROW_NUMBER() OVER (ORDER BY at), 0, 0, 'plain', CASE outcome WHEN 'included' THEN 'included' ELSE 'failed' END, 0,
       weights, '{}'
FROM weight_sets;
INSERT INTO weight_steps (job, at, block, step, cause)
SELECT ROW_NUMBER() OVER (ORDER BY at), at, block, CASE outcome WHEN 'included' THEN 'included' ELSE 'failed' END,
       CASE outcome WHEN 'included' THEN NULL ELSE outcome END
FROM weight_sets;
DROP TABLE weight_sets;
