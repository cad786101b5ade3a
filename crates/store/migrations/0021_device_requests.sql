-- Devices that wait for a person's word (RFC 8628). `device_code`: its hash; `user_code`: stamped; both are kept a day, so that no
-- code comes up twice in it. `detail`: what the protocol keeps (JSON). `user_id`, `session_id`: who entered the code.
CREATE TABLE device_requests (
    device_code TEXT NOT NULL PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    detail TEXT NOT NULL,
    network TEXT NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    keep_until BIGINT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT,
    decided_at BIGINT,
    is_allowed BOOLEAN
);
CREATE INDEX device_requests_by_keep ON device_requests (keep_until);
CREATE INDEX device_requests_by_client ON device_requests (client_id);
CREATE INDEX device_requests_by_user ON device_requests (user_id);
