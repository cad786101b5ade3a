-- Clients of the profile 1c have a key of their own, which rotates only by hand.
ALTER TABLE signing_keys ADD COLUMN ring TEXT NOT NULL DEFAULT 'common';
DROP INDEX signing_keys_current;
DROP INDEX signing_keys_next;
CREATE UNIQUE INDEX signing_keys_current ON signing_keys (ring, alg) WHERE state = 'current';
CREATE UNIQUE INDEX signing_keys_next ON signing_keys (ring, alg) WHERE state = 'next';
