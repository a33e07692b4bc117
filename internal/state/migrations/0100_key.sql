-- +goose Up
CREATE TABLE kms_keys (
    id               TEXT NOT NULL,    -- of the key ARN: a uuid, or mrk-…, which the related keys of several Regions share
    region           TEXT NOT NULL,
    account_id       TEXT NOT NULL,
    manager          TEXT NOT NULL,    -- CUSTOMER, or AWS for alias/aws/…
    spec             TEXT NOT NULL,    -- SYMMETRIC_DEFAULT, RSA_2048, …
    usage            TEXT NOT NULL,    -- ENCRYPT_DECRYPT, SIGN_VERIFY, …
    origin           TEXT NOT NULL,    -- AWS_KMS, or EXTERNAL for imported material
    primary_region   TEXT NOT NULL,    -- the Region of the primary of a multi-Region key; empty for the others
    state            TEXT NOT NULL,    -- Enabled, Disabled, PendingImport, PendingDeletion or PendingReplicaDeletion
    description      TEXT NOT NULL,
    policy           TEXT NOT NULL,    -- the policy named "default", as it was given
    tags             TEXT NOT NULL,    -- JSON object
    created_at       BIGINT NOT NULL,
    deletion_window  BIGINT NOT NULL,  -- days, while PendingDeletion or PendingReplicaDeletion
    deletion_at      BIGINT NOT NULL,  -- when the key and all its material go; 0 unless PendingDeletion
    rotation_days    BIGINT NOT NULL,  -- period of automatic rotation; 0 when it is off
    next_rotation_at BIGINT NOT NULL,  -- 0 when it is off
    expires_at       BIGINT NOT NULL,  -- when the first of its imported material expires; 0 if none does
    PRIMARY KEY (id, region)
);
CREATE INDEX kms_keys_by_owner ON kms_keys (account_id, region, id);
CREATE INDEX kms_keys_by_deletion ON kms_keys (deletion_at) WHERE deletion_at > 0;
CREATE INDEX kms_keys_by_rotation ON kms_keys (next_rotation_at) WHERE next_rotation_at > 0;
CREATE INDEX kms_keys_by_expiry ON kms_keys (expires_at) WHERE expires_at > 0;

CREATE TABLE kms_key_materials (
    id            TEXT NOT NULL,   -- 64 hexadecimal digits; every ciphertext names the material that sealed it
    key_id        TEXT NOT NULL,
    region        TEXT NOT NULL,
    sequence      BIGINT NOT NULL, -- 1 is the first; the highest that is not pending seals
    wrapped       BYTEA NOT NULL,  -- the secret, under the root key; empty once imported material was deleted or expired
    rotation_type TEXT NOT NULL,   -- AUTOMATIC or ON_DEMAND; empty for the first
    description   TEXT NOT NULL,   -- of imported material
    pending       BIGINT NOT NULL, -- 1 for imported material that a rotation on demand has yet to take up
    expires_at    BIGINT NOT NULL, -- when imported material goes; 0 if it does not
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (id, region),
    UNIQUE (key_id, region, sequence),
    FOREIGN KEY (key_id, region) REFERENCES kms_keys (id, region) ON DELETE CASCADE
);

CREATE TABLE kms_aliases (
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL, -- with its "alias/"
    key_id     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, name),
    FOREIGN KEY (key_id, region) REFERENCES kms_keys (id, region) ON DELETE CASCADE
);
CREATE INDEX kms_aliases_by_key ON kms_aliases (key_id, region);

CREATE TABLE kms_grants (
    id              TEXT PRIMARY KEY, -- 64 hexadecimal digits
    key_id          TEXT NOT NULL,
    region          TEXT NOT NULL,
    token           TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    issuing_account TEXT NOT NULL, -- ARN of the root user of the issuer's account
    grantee         TEXT NOT NULL, -- ARN or service principal
    retiring        TEXT NOT NULL, -- the same, or empty
    operations      TEXT NOT NULL, -- JSON array
    context_equals  TEXT NOT NULL, -- JSON object; null when there is no such constraint
    context_subset  TEXT NOT NULL, -- the same
    source_arn      TEXT NOT NULL, -- the resource for which calls must be made; empty when there is no such constraint
    created_at      BIGINT NOT NULL,
    FOREIGN KEY (key_id, region) REFERENCES kms_keys (id, region) ON DELETE CASCADE
);
CREATE INDEX kms_grants_by_key ON kms_grants (key_id, region, name);
CREATE INDEX kms_grants_by_retiring ON kms_grants (region, retiring, id);
