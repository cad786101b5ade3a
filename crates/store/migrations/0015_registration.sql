-- Tokens that allow to register clients over HTTP (RFC 7591, initial access token).
CREATE TABLE initial_access_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    uses_left BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX initial_access_tokens_by_end ON initial_access_tokens (expires_at);

-- Clients that registered themselves, and the token by which each manages itself (RFC 7592). `held` lists what an
-- administrator set and the client cannot change; `used` is set once somebody allowed the client something.
CREATE TABLE registrations (
    client_id TEXT NOT NULL PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL,
    held TEXT NOT NULL,
    open BOOLEAN NOT NULL,
    used BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX registrations_by_creation ON registrations (created_at);
