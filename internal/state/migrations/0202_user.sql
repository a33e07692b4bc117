-- +goose Up
CREATE TABLE users (
    account_id   TEXT NOT NULL,
    name         TEXT NOT NULL,
    name_key     TEXT NOT NULL,                    -- the name in lower case: names differ by more than case
    id           TEXT NOT NULL UNIQUE,             -- AIDA…
    path         TEXT NOT NULL,
    boundary_arn TEXT NOT NULL DEFAULT '',         -- permissions boundary
    tags         TEXT NOT NULL,                    -- JSON object
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, name),
    UNIQUE (account_id, name_key)
);
CREATE TABLE access_keys (
    id         TEXT PRIMARY KEY,                   -- AKIA…
    account_id TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    secret     BYTEA NOT NULL,                     -- wrapped by the root key
    status     TEXT NOT NULL,                      -- Active or Inactive
    created_at BIGINT NOT NULL,
    FOREIGN KEY (account_id, user_name) REFERENCES users (account_id, name) ON UPDATE CASCADE
);
CREATE INDEX access_keys_user ON access_keys (account_id, user_name);
CREATE TABLE user_groups (
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    id         TEXT NOT NULL UNIQUE,               -- AGPA…
    path       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, name),
    UNIQUE (account_id, name_key)
);
CREATE TABLE user_group_members (
    account_id TEXT NOT NULL,
    group_name TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    PRIMARY KEY (account_id, group_name, user_name),
    FOREIGN KEY (account_id, group_name) REFERENCES user_groups (account_id, name) ON UPDATE CASCADE,
    FOREIGN KEY (account_id, user_name) REFERENCES users (account_id, name) ON UPDATE CASCADE
);
CREATE INDEX user_group_members_user ON user_group_members (account_id, user_name);
