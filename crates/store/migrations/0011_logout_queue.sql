-- What of a client's metadata decides whether it is told when a sign-in ends; copies, so that one statement can ask.
ALTER TABLE clients ADD COLUMN backchannel_logout BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE clients ADD COLUMN backchannel_session BOOLEAN NOT NULL DEFAULT FALSE;

-- Which clients that want to hear of its end got a code in a session.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_by_client ON session_clients (client_id);

-- Clients that are to be told that a session ended; an empty session_id: every session of the person. The person may be gone.
CREATE TABLE logout_notices (
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    settled_at BIGINT,
    keep_until BIGINT NOT NULL,
    PRIMARY KEY (client_id, user_id, session_id)
);
CREATE INDEX logout_notices_due ON logout_notices (due_at) WHERE state IN ('queued', 'sending');
CREATE INDEX logout_notices_by_session ON logout_notices (session_id);
CREATE INDEX logout_notices_by_keep ON logout_notices (keep_until);
