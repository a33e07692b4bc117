-- +goose Up
CREATE TABLE delegated_administrators (
    -- Members that administer a service for the organization.
    organization_id TEXT NOT NULL,
    account_id      TEXT NOT NULL,
    principal       TEXT NOT NULL,                 -- backup.amazonaws.com
    enabled_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, account_id, principal)
);
CREATE TABLE organization_resource_policies (
    -- What an organization lets its members do with it.
    organization_id TEXT PRIMARY KEY,
    id              TEXT NOT NULL,                 -- rp-…
    content         TEXT NOT NULL                  -- JSON, as it was given
);
ALTER TABLE accounts ADD COLUMN closed_at BIGINT NOT NULL DEFAULT 0; -- 0 for one that was never closed
