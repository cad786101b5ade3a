-- Whom sign-in by certificate believes. Certificates and lists are DER in base64; thumbprints are SHA-256 in hexadecimal.
CREATE TABLE authorities (
    thumbprint TEXT NOT NULL PRIMARY KEY,
    -- anchor, intermediate
    role TEXT NOT NULL,
    -- operator, list, signature
    source TEXT NOT NULL,
    certificate TEXT NOT NULL,
    -- What the list of accredited authorities says of it, and where it says that its revocation lists are (JSON).
    status TEXT,
    addresses TEXT NOT NULL,
    added_at BIGINT NOT NULL
);

-- The list of accredited authorities that was imported last: one row.
CREATE TABLE authority_imports (
    id BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    version TEXT,
    kept BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    imported_at BIGINT NOT NULL
);

-- Where revocation lists are fetched from. Whoever fetches holds the lease of the row.
CREATE TABLE revocation_addresses (
    address TEXT NOT NULL PRIMARY KEY,
    -- authority, signature
    source TEXT NOT NULL,
    series TEXT,
    fetched_at BIGINT,
    failure TEXT,
    failures BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL
);
CREATE INDEX revocation_addresses_by_turn ON revocation_addresses (next_at);

-- The newest list of each series: of one key of one authority and of one distribution point.
CREATE TABLE revocation_lists (
    series TEXT NOT NULL PRIMARY KEY,
    -- The name of the authority, for people.
    issuer TEXT NOT NULL,
    digest TEXT NOT NULL,
    data TEXT NOT NULL,
    -- The CRL number in hexadecimal.
    number TEXT,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    stored_at BIGINT NOT NULL
);
