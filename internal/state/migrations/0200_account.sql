-- +goose Up
CREATE TABLE accounts (
    id              TEXT PRIMARY KEY,          -- twelve digits
    name            TEXT NOT NULL,
    email           TEXT NOT NULL,             -- in lower case
    status          TEXT NOT NULL,             -- ACTIVE or SUSPENDED
    created_at      BIGINT NOT NULL,
    organization_id TEXT NOT NULL DEFAULT '',  -- empty for a standalone account
    parent_id       TEXT NOT NULL DEFAULT '',  -- root or organizational unit
    joined_method   TEXT NOT NULL DEFAULT '',  -- CREATED or INVITED
    joined_at       BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX accounts_email ON accounts (email);
CREATE INDEX accounts_parent ON accounts (organization_id, parent_id);
