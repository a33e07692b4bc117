-- +goose Up
CREATE TABLE user_credentials (
    -- SSH public keys, signing certificates, and credentials for single services.
    id         TEXT PRIMARY KEY,                   -- APKA…, 24 letters and digits, ACCA…
    account_id TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    kind       TEXT NOT NULL,                      -- ssh, certificate or service
    status     TEXT NOT NULL,                      -- Active or Inactive
    name       TEXT NOT NULL,                      -- of a service's credential: the service
    body       TEXT NOT NULL,                      -- the public key or certificate; a salted hash of the password
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL DEFAULT 0,
    FOREIGN KEY (account_id, user_name) REFERENCES users (account_id, name) ON UPDATE CASCADE
);
CREATE INDEX user_credentials_user ON user_credentials (account_id, user_name, kind, id);
