-- The organisations that people act for, and how that is known: stated by the person, entered by an administrator.
CREATE TABLE organisations (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    inn TEXT NOT NULL,
    kpp TEXT NOT NULL,
    ogrn TEXT NOT NULL,
    name TEXT NOT NULL,
    relation TEXT NOT NULL,
    proof TEXT NOT NULL,
    proven_at BIGINT NOT NULL
);
-- An organisation and its branch (КПП) stand once with each person.
CREATE UNIQUE INDEX organisations_once ON organisations (user_id, inn, kpp);

-- For which of them a person acts in which product.
CREATE TABLE organisation_choices (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    organisation_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX organisation_choices_by_client ON organisation_choices (client_id);
CREATE INDEX organisation_choices_by_organisation ON organisation_choices (organisation_id);

-- A copy of both, written with every change of either, so that claims cost no further read; NULL: none.
ALTER TABLE users ADD COLUMN organisations TEXT;
