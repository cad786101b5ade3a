-- API tokens of people. `token_hash`: SHA-256 of the text; `client_id`: the one client that may exchange it, or NULL; `networks`: a list
-- with commas; `used_*`: the last use, to the minute; `reminded_at`: when its owner was told that it ends; rows are kept a month longer.
CREATE TABLE api_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    client_id TEXT REFERENCES clients (id) ON DELETE CASCADE,
    organisation_id TEXT,
    networks TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    used_at BIGINT,
    used_ip TEXT NOT NULL,
    used_agent TEXT NOT NULL,
    reminded_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);
CREATE INDEX api_tokens_by_client ON api_tokens (client_id);
CREATE INDEX api_tokens_by_keep ON api_tokens (keep_until);
CREATE INDEX api_tokens_by_end ON api_tokens (expires_at) WHERE reminded_at IS NULL AND ended_at IS NULL;
