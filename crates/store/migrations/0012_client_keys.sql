-- Assertions of clients that were used: a digest of the client and its jti, until the assertion has expired.
CREATE TABLE assertions (
    id TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX assertions_by_end ON assertions (expires_at);
