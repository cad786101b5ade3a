-- Invitations. `inviter_id`: the client; NULL: an administrator. `code_hash`: a keyed digest bound
-- to the id. `detail`: organisation, partner's code, client and language (JSON). `user_id`: whose account it led to.
-- `request_key`, `request_hash`: the Idempotency-Key of the request that made it, stamped, and what that asked for.
CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    inviter_id TEXT REFERENCES clients (id) ON DELETE CASCADE,
    contact_kind TEXT NOT NULL,
    contact_value TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    detail TEXT NOT NULL,
    attempts_left BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    used_at BIGINT,
    withdrawn_at BIGINT,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    request_key TEXT,
    request_hash TEXT
);
CREATE INDEX invitations_by_contact ON invitations (contact_kind, contact_value);
CREATE INDEX invitations_by_keep ON invitations (keep_until);
CREATE INDEX invitations_by_user ON invitations (user_id);
CREATE UNIQUE INDEX invitations_by_request ON invitations (inviter_id, request_key);
