-- Until when a validator saw a miner registered: who is gone is not judged for its silence.
ALTER TABLE miners ADD COLUMN seen_until INTEGER NOT NULL DEFAULT 0;
