-- +goose Up
CREATE TABLE instance_profiles (
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,                      -- the name in lower case
    id         TEXT NOT NULL UNIQUE,               -- AIPA…
    path       TEXT NOT NULL,
    role_name  TEXT NOT NULL DEFAULT '',           -- the one role that a profile can hold
    tags       TEXT NOT NULL,                      -- JSON object
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, name),
    UNIQUE (account_id, name_key)
);
CREATE INDEX instance_profiles_role ON instance_profiles (account_id, role_name);
