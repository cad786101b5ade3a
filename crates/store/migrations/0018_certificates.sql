-- Texts that are signed with a certificate, each good once. `flow_id`: the request that it was made for.
CREATE TABLE challenges (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    binding_hash TEXT NOT NULL,
    flow_id TEXT,
    text TEXT NOT NULL,
    attempts_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX challenges_by_keep ON challenges (keep_until);

-- People's certificates. Somebody is found by СНИЛС, else by their own ИНН, else by the key; `holder` is what the last
-- certificate said (JSON).
CREATE TABLE certificates (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    snils TEXT UNIQUE,
    inn TEXT UNIQUE,
    key_hash TEXT UNIQUE,
    holder TEXT NOT NULL,
    linked_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX certificates_by_user ON certificates (user_id);

-- Registrations by certificate that somebody wants to finish later: the key is a digest of whose certificate, the data sealed.
CREATE TABLE registration_drafts (
    key TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX registration_drafts_by_end ON registration_drafts (expires_at);

-- The partner's code that somebody gave while registering, for the product that they registered for.
CREATE TABLE partner_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX partner_codes_by_client ON partner_codes (client_id);
