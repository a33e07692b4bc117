-- +goose Up
CREATE TABLE organization_policies (
    -- Policies of an organization, with a row for each that AWS manages.
    organization_id TEXT NOT NULL,
    id              TEXT NOT NULL,                 -- p-…
    type            TEXT NOT NULL,                 -- SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY …
    name            TEXT NOT NULL,
    description     TEXT NOT NULL,
    content         TEXT NOT NULL,                 -- JSON, as it was given
    aws_managed     BOOLEAN NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, type, name)
);
CREATE TABLE organization_policy_types (
    -- Types of policy that are enabled in the organization's root.
    organization_id TEXT NOT NULL,
    type            TEXT NOT NULL,
    enabled_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, type)
);
CREATE TABLE organization_policy_attachments (
    -- Policies of roots, organizational units and accounts.
    organization_id TEXT NOT NULL,
    target_id       TEXT NOT NULL,                 -- r-…, ou-… or an account
    type            TEXT NOT NULL,                 -- the policy's
    policy_id       TEXT NOT NULL,
    attached_at     BIGINT NOT NULL,
    PRIMARY KEY (organization_id, target_id, type, policy_id),
    FOREIGN KEY (organization_id, policy_id) REFERENCES organization_policies (organization_id, id)
);
CREATE INDEX organization_policy_attachments_policy ON organization_policy_attachments (organization_id, policy_id, target_id);
