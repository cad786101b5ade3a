-- The pictures of clients: fetched once from `uri`, served from our own origin under the hash of their content.
CREATE TABLE logos (
    client_id TEXT NOT NULL PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    uri TEXT NOT NULL,
    hash TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content TEXT NOT NULL,
    fetched_at BIGINT NOT NULL
);
CREATE INDEX logos_by_hash ON logos (hash);
