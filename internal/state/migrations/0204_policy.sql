-- +goose Up
CREATE TABLE policies (
    -- Customer managed policies. Those of AWS come with the program.
    arn             TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL,
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL,                 -- the name in lower case
    id              TEXT NOT NULL UNIQUE,          -- ANPA…
    path            TEXT NOT NULL,
    description     TEXT NOT NULL,
    default_version BIGINT NOT NULL,
    last_version    BIGINT NOT NULL,               -- version numbers are never used again
    tags            TEXT NOT NULL,                 -- JSON object
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    UNIQUE (account_id, name_key)
);
CREATE TABLE policy_versions (
    policy_arn TEXT NOT NULL,
    number     BIGINT NOT NULL,
    document   TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (policy_arn, number),
    FOREIGN KEY (policy_arn) REFERENCES policies (arn) ON DELETE CASCADE
);
CREATE TABLE policy_attachments (
    -- Managed policies of users, groups and roles.
    account_id     TEXT NOT NULL,
    principal_kind TEXT NOT NULL,                  -- user, group or role
    principal_name TEXT NOT NULL,
    policy_arn     TEXT NOT NULL,
    attached_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, principal_kind, principal_name, policy_arn)
);
CREATE INDEX policy_attachments_policy ON policy_attachments (policy_arn, account_id);
CREATE TABLE inline_policies (
    -- Policies embedded in one user, group or role.
    account_id     TEXT NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    name           TEXT NOT NULL,
    document       TEXT NOT NULL,
    PRIMARY KEY (account_id, principal_kind, principal_name, name)
);
