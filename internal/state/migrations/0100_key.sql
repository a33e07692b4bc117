-- +goose Up
CREATE TABLE kms_keys (
    id               TEXT PRIMARY KEY, -- the uuid of the key ARN
    account_id       TEXT NOT NULL,
    region           TEXT NOT NULL,
    manager          TEXT NOT NULL,    -- CUSTOMER, or AWS for alias/aws/…
    state            TEXT NOT NULL,    -- Enabled, Disabled or PendingDeletion
    description      TEXT NOT NULL,
    policy           TEXT NOT NULL,    -- the policy named "default", as it was given
    tags             TEXT NOT NULL,    -- JSON object
    created_at       BIGINT NOT NULL,
    deletion_window  BIGINT NOT NULL,  -- days, while PendingDeletion
    deletion_at      BIGINT NOT NULL,  -- when the key and all its material go; 0 unless PendingDeletion
    rotation_days    BIGINT NOT NULL,  -- period of automatic rotation; 0 when it is off
    next_rotation_at BIGINT NOT NULL   -- 0 when it is off
);
CREATE INDEX kms_keys_by_owner ON kms_keys (account_id, region, id);
CREATE INDEX kms_keys_by_deletion ON kms_keys (deletion_at) WHERE deletion_at > 0;
CREATE INDEX kms_keys_by_rotation ON kms_keys (next_rotation_at) WHERE next_rotation_at > 0;

CREATE TABLE kms_key_materials (
    id            TEXT PRIMARY KEY, -- 64 hexadecimal digits; every ciphertext names the material that sealed it
    key_id        TEXT NOT NULL REFERENCES kms_keys (id) ON DELETE CASCADE,
    sequence      BIGINT NOT NULL,  -- 1 is the first; the highest seals
    wrapped       BYTEA NOT NULL,   -- the AES-256 key, under the root key
    rotation_type TEXT NOT NULL,    -- AUTOMATIC or ON_DEMAND; empty for the first
    created_at    BIGINT NOT NULL,
    UNIQUE (key_id, sequence)
);

CREATE TABLE kms_aliases (
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL, -- with its "alias/"
    key_id     TEXT NOT NULL REFERENCES kms_keys (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, name)
);
CREATE INDEX kms_aliases_by_key ON kms_aliases (key_id);

CREATE TABLE kms_grants (
    id              TEXT PRIMARY KEY, -- 64 hexadecimal digits
    key_id          TEXT NOT NULL REFERENCES kms_keys (id) ON DELETE CASCADE,
    region          TEXT NOT NULL,
    token           TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    issuing_account TEXT NOT NULL, -- ARN of the root user of the issuer's account
    grantee         TEXT NOT NULL, -- ARN or service principal
    retiring        TEXT NOT NULL, -- the same, or empty
    operations      TEXT NOT NULL, -- JSON array
    context_equals  TEXT NOT NULL, -- JSON object; null when there is no such constraint
    context_subset  TEXT NOT NULL, -- the same
    created_at      BIGINT NOT NULL
);
CREATE INDEX kms_grants_by_key ON kms_grants (key_id, name);
CREATE INDEX kms_grants_by_retiring ON kms_grants (region, retiring, id);
