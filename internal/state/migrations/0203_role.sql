-- +goose Up
CREATE TABLE roles (
    account_id       TEXT NOT NULL,
    name             TEXT NOT NULL,
    name_key         TEXT NOT NULL,                -- the name in lower case
    id               TEXT NOT NULL UNIQUE,         -- AROA…
    path             TEXT NOT NULL,
    trust            TEXT NOT NULL,                -- the trust policy, JSON
    description      TEXT NOT NULL,
    max_session      BIGINT NOT NULL,              -- seconds
    boundary_arn     TEXT NOT NULL DEFAULT '',
    tags             TEXT NOT NULL,                -- JSON object
    created_at       BIGINT NOT NULL,
    last_used_at     BIGINT NOT NULL DEFAULT 0,    -- when a session of it was last begun
    last_used_region TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, name),
    UNIQUE (account_id, name_key)
);
CREATE TABLE service_linked_role_deletions (
    id         TEXT PRIMARY KEY,                   -- task/aws-service-role/…
    account_id TEXT NOT NULL,
    role_name  TEXT NOT NULL,
    status     TEXT NOT NULL,                      -- SUCCEEDED or FAILED
    reason     TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
