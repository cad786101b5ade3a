-- Legal texts as they were published, for one brand or for all ('*'). Rows are never changed or deleted: what somebody agreed to
-- can always be shown again. Of each brand and kind the greatest number is in force; a correction keeps the edition of the
-- version before it, anything else begins the edition of its own number.
CREATE TABLE documents (
    brand TEXT NOT NULL,
    kind TEXT NOT NULL,
    version TEXT NOT NULL,
    number BIGINT NOT NULL,
    edition BIGINT NOT NULL,
    title_ru TEXT NOT NULL,
    title_en TEXT NOT NULL,
    body TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (brand, kind, version)
);
CREATE UNIQUE INDEX documents_in_order ON documents (brand, kind, number);

-- A withdrawal is a record of its own ('withdrawn'); what was given before ('given') stays as it was.
ALTER TABLE document_consents ADD COLUMN brand TEXT NOT NULL DEFAULT '*';
ALTER TABLE document_consents ADD COLUMN act TEXT NOT NULL DEFAULT 'given';
