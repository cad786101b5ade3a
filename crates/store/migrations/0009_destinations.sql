-- Codes sent to a range of phone numbers (without their last four digits) or to a country, and how many of them were entered, in
-- a window that begins with the first. Names nobody.
CREATE TABLE destinations (
    name TEXT NOT NULL PRIMARY KEY,
    sent BIGINT NOT NULL,
    entered BIGINT NOT NULL,
    closed BOOLEAN NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX destinations_by_end ON destinations (ends_at);
