-- +goose Up
CREATE TABLE mfa_devices (
    serial     TEXT PRIMARY KEY,                   -- arn:aws:iam::A:mfa/…
    account_id TEXT NOT NULL,
    path       TEXT NOT NULL,
    name       TEXT NOT NULL,
    seed       BYTEA NOT NULL,                     -- wrapped by the root key
    tags       TEXT NOT NULL,                      -- JSON object
    created_at BIGINT NOT NULL,
    user_name  TEXT,                               -- none while it is not enabled
    enabled_at BIGINT NOT NULL DEFAULT 0,
    last_step  BIGINT NOT NULL DEFAULT 0,          -- of the last code accepted: no code counts twice
    failures   BIGINT NOT NULL DEFAULT 0,          -- wrong codes since the last right one
    refused_until BIGINT NOT NULL DEFAULT 0,       -- no code is looked at before, after too many wrong ones
    FOREIGN KEY (account_id, user_name) REFERENCES users (account_id, name) ON UPDATE CASCADE
);
CREATE INDEX mfa_devices_user ON mfa_devices (account_id, user_name);
