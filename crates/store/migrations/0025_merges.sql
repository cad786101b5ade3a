-- An account that was merged into another names it: nobody signs in to it. `subjects`: what single clients know a person by who
-- has merged accounts, as JSON {client: the account whose sub it is}; NULL: every client knows the person's own.
ALTER TABLE users ADD COLUMN merged_into TEXT REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE users ADD COLUMN subjects TEXT;
CREATE INDEX users_by_merged ON users (merged_into) WHERE merged_into IS NOT NULL;

-- Somebody on the way to merge another account into theirs: `proven_at` is when they proved the one that stays, `flow_id` the
-- request through which they sign in to the other.
CREATE TABLE merge_attempts (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    binding_hash TEXT NOT NULL,
    flow_id TEXT NOT NULL,
    proven_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX merge_attempts_by_end ON merge_attempts (expires_at);
CREATE INDEX merge_attempts_by_user ON merge_attempts (user_id);

-- What moved from one account to another (JSON), until that can no longer be undone.
CREATE TABLE merges (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    merged_id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    moved TEXT NOT NULL,
    merged_at BIGINT NOT NULL,
    undo_until BIGINT NOT NULL
);
CREATE INDEX merges_by_user ON merges (user_id);
CREATE INDEX merges_by_end ON merges (undo_until);

-- Which clients got a person's sub, noted when the last grant that shows it is swept.
CREATE TABLE known_clients (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX known_clients_by_client ON known_clients (client_id);
