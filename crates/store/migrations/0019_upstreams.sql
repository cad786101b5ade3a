-- Ways to another provider and back, each good once: `state_hash` of what the provider was given, `data` sealed (what is kept
-- for the way back; after it, who came back).
CREATE TABLE upstream_attempts (
    id TEXT NOT NULL PRIMARY KEY,
    state_hash TEXT NOT NULL UNIQUE,
    upstream TEXT NOT NULL,
    purpose TEXT NOT NULL,
    binding_hash TEXT NOT NULL,
    data TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX upstream_attempts_by_keep ON upstream_attempts (keep_until);

-- Accounts at other providers that belong to accounts here. `other_id`: a second identifier of the same account there;
-- `person`: what the provider said of them last, sealed.
CREATE TABLE upstream_links (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    upstream TEXT NOT NULL,
    subject TEXT NOT NULL,
    other_id TEXT,
    person TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    used_at BIGINT,
    UNIQUE (upstream, subject),
    UNIQUE (upstream, other_id)
);
CREATE INDEX upstream_links_by_user ON upstream_links (user_id);

-- The provider that a session's last sign-in came from, so that signing out can offer to sign out there, too.
ALTER TABLE sessions ADD COLUMN upstream TEXT;
