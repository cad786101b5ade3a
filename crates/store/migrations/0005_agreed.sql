-- The versions of the legal texts that a person agreed to last, as `agreement:2,pd-consent:3`; NULL: never asked. The records
-- themselves are in document_consents.
ALTER TABLE users ADD COLUMN agreed TEXT;
