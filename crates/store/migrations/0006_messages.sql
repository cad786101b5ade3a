-- Messages to people, from the transaction that makes them true to the gateway that takes them.
-- `body` is sealed (where to, the code, the text) and gone once the message was taken, failed or expired; `recipient` is
-- masked, `recipient_key` a keyed digest to look a person's messages up by; `about` is the confirmation whose code it holds.
CREATE TABLE messages (
    id TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    purpose TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    about TEXT,
    body TEXT,
    state TEXT NOT NULL,
    route TEXT NOT NULL,
    reference TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    settled_at BIGINT,
    keep_until BIGINT NOT NULL
);
CREATE INDEX messages_due ON messages (due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX messages_by_about ON messages (about);
CREATE INDEX messages_by_recipient ON messages (recipient_key, created_at);
CREATE INDEX messages_by_reference ON messages (route, reference);
CREATE INDEX messages_by_keep ON messages (keep_until);

-- What messages cost on one day, in kopecks; the day is that of Moscow, counted from 1970-01-01.
CREATE TABLE delivery_spend (
    day BIGINT NOT NULL PRIMARY KEY,
    kopecks BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX delivery_spend_by_end ON delivery_spend (expires_at);
