-- One schema for SQLite and PostgreSQL: TEXT, BIGINT (unix seconds) and BOOLEAN only; JSON is TEXT.
-- Every table with rows that expire is emptied by the sweeper (src/sweep.rs).

-- People.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    disabled BOOLEAN NOT NULL,
    claims TEXT NOT NULL,
    role TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Phones and e-mail addresses in normal form; each belongs to one person.
CREATE TABLE contacts (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    main BOOLEAN NOT NULL,
    verified_at BIGINT,
    PRIMARY KEY (kind, value)
);
CREATE INDEX contacts_by_user ON contacts (user_id);

-- Ways to sign in: ('password', user id) holds a PHC string; other methods their own subject and data.
CREATE TABLE credentials (
    method TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    data TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (method, subject)
);
CREATE INDEX credentials_by_user ON credentials (user_id);

-- Relying parties.
CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    metadata TEXT NOT NULL,
    secrets TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- One account signed in on one browser; the row is gone when the session ends.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authentication TEXT NOT NULL,
    chosen_for TEXT,
    remembered BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_idle ON sessions (idle_expires_at);

-- One authorization of a client by a person: its code, then its refresh tokens.
CREATE TABLE grants (
    id TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    detail TEXT NOT NULL,
    code_hash TEXT NOT NULL UNIQUE,
    code_expires_at BIGINT NOT NULL,
    code_used_at BIGINT,
    offline BOOLEAN NOT NULL,
    refresh_salt TEXT NOT NULL,
    refresh_generation BIGINT NOT NULL,
    refresh_used_at BIGINT NOT NULL,
    refresh_expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX grants_by_session ON grants (session_id);
CREATE INDEX grants_by_user ON grants (user_id, client_id);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_keep ON grants (keep_until);

-- What a person allowed a third-party client.
CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    flow_id TEXT,
    given_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_by_client ON consents (client_id);

-- Which text of which document a person agreed to, and how.
CREATE TABLE document_consents (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    document TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL,
    client_id TEXT
);
CREATE INDEX document_consents_by_user ON document_consents (user_id);

-- A code on its way to a phone or an e-mail address, and what it will confirm (sealed).
CREATE TABLE confirmations (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    contact_kind TEXT NOT NULL,
    contact_value TEXT NOT NULL,
    binding_hash TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempts_left BIGINT NOT NULL,
    sends BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX confirmations_by_keep ON confirmations (keep_until);

-- Failed attempts; the key is a digest of what is counted.
CREATE TABLE throttles (
    key TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX throttles_by_end ON throttles (expires_at);

-- Requests kept on the server: seals that are too long for a URL, and pushed authorization requests.
CREATE TABLE pushed_requests (
    id TEXT NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX pushed_requests_by_end ON pushed_requests (expires_at);

-- Signing keys; the private part is sealed under the master key.
CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    alg TEXT NOT NULL,
    state TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    private_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
-- Two nodes that make the first keys at once end with one set.
CREATE UNIQUE INDEX signing_keys_current ON signing_keys (alg) WHERE state = 'current';
CREATE UNIQUE INDEX signing_keys_next ON signing_keys (alg) WHERE state = 'next';

-- What changed that nodes keep in memory; the one row of `version` orders it.
CREATE TABLE version (
    id BIGINT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);
INSERT INTO version (id, n) VALUES (1, 0);

CREATE TABLE changes (
    n BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (n, kind, ref)
);
CREATE INDEX changes_by_end ON changes (expires_at);

-- Security-relevant changes; written once, never changed.
CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    user_id TEXT,
    client_id TEXT,
    session_id TEXT,
    request_id TEXT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_user ON audit (user_id, at);
