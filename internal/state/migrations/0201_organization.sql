-- +goose Up
CREATE TABLE organizations (
    id                    TEXT PRIMARY KEY,        -- o-…
    management_account_id TEXT NOT NULL UNIQUE,
    root_id               TEXT NOT NULL,           -- r-…
    feature_set           TEXT NOT NULL,           -- ALL or CONSOLIDATED_BILLING
    created_at            BIGINT NOT NULL
);
CREATE TABLE organizational_units (
    id              TEXT PRIMARY KEY,              -- ou-…
    organization_id TEXT NOT NULL,
    parent_id       TEXT NOT NULL,                 -- the root or another unit
    name            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (parent_id, name)
);
CREATE TABLE create_account_requests (
    id              TEXT PRIMARY KEY,              -- car-…
    organization_id TEXT NOT NULL,
    account_name    TEXT NOT NULL,
    state           TEXT NOT NULL,                 -- IN_PROGRESS, SUCCEEDED or FAILED
    account_id      TEXT NOT NULL DEFAULT '',
    failure_reason  TEXT NOT NULL DEFAULT '',
    requested_at    BIGINT NOT NULL,
    completed_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX create_account_requests_organization ON create_account_requests (organization_id, requested_at);
CREATE TABLE handshakes (
    -- Invitations of an account into an organization.
    id              TEXT PRIMARY KEY,              -- h-…
    organization_id TEXT NOT NULL,
    target_type     TEXT NOT NULL,                 -- ACCOUNT or EMAIL, as the invitation named it
    target          TEXT NOT NULL,
    account_id      TEXT NOT NULL,                 -- the account invited
    notes           TEXT NOT NULL,
    state           TEXT NOT NULL,                 -- OPEN, ACCEPTED, DECLINED, CANCELED; an OPEN one may have expired
    requested_at    BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX handshakes_account ON handshakes (account_id);
CREATE INDEX handshakes_organization ON handshakes (organization_id);
CREATE TABLE organization_service_access (
    -- Services with trusted access.
    organization_id TEXT NOT NULL,
    principal       TEXT NOT NULL,                 -- backup.amazonaws.com
    enabled_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, principal)
);
CREATE TABLE organization_tags (
    -- Tags of accounts, organizational units, roots and policies, which belong to the organization.
    organization_id TEXT NOT NULL,
    resource_id     TEXT NOT NULL,
    tags            TEXT NOT NULL,                 -- JSON object
    PRIMARY KEY (organization_id, resource_id)
);
