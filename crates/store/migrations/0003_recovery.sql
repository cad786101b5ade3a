-- What a right code opened for the browser that entered it: to set a new password, to bring a second proof, or to say that
-- the account is somebody else's.
CREATE TABLE recoveries (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    contact_kind TEXT NOT NULL,
    contact_value TEXT NOT NULL,
    binding_hash TEXT NOT NULL,
    stage TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX recoveries_by_user ON recoveries (user_id);
CREATE INDEX recoveries_by_end ON recoveries (expires_at);

-- Changes that wait, so that whoever else holds the account can stop them by signing in.
CREATE TABLE handovers (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    contact_kind TEXT NOT NULL,
    contact_value TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX handovers_open ON handovers (kind, user_id, contact_kind, contact_value) WHERE ended_at IS NULL;
CREATE INDEX handovers_by_user ON handovers (user_id);
CREATE INDEX handovers_by_end ON handovers (expires_at);
