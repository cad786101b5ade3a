-- When a key began to sign: the schedule counts from there. Keys of before count from when they were made.
ALTER TABLE signing_keys ADD COLUMN activated_at BIGINT;
