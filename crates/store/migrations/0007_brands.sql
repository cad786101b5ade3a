-- Brands that stand over or beside the built-in ones. The data is one JSON object; its version grows with each change.
CREATE TABLE brands (
    name TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
