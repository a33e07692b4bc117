-- +goose Up
CREATE TABLE volumes (
    id                TEXT PRIMARY KEY,            -- vol-0123456789abcdef0
    account           TEXT   NOT NULL,
    region            TEXT   NOT NULL,
    availability_zone TEXT   NOT NULL,
    state             TEXT   NOT NULL,             -- creating, available, deleting, error
    size_gib          BIGINT NOT NULL,
    type              TEXT   NOT NULL,
    iops              BIGINT NOT NULL,
    throughput        BIGINT NOT NULL,
    multi_attach      BIGINT NOT NULL,             -- 0 or 1
    key_arn           TEXT   NOT NULL,             -- '' for an unencrypted volume
    wrapped_key       BYTEA,                       -- the sector key, as KMS wrapped it
    grant_id          TEXT   NOT NULL,             -- the KMS grant under which EC2 unwraps it
    snapshot_id       TEXT   NOT NULL,             -- what it was made from, or ''
    created           BIGINT NOT NULL,
    client_token      TEXT   NOT NULL,
    request_digest    TEXT   NOT NULL,             -- of the parameters that came with the client token
    tags              TEXT   NOT NULL,             -- {"key": "value"}
    auto_enable_io    BIGINT NOT NULL              -- 0 or 1, the attribute of that name
);
CREATE INDEX volumes_by_account ON volumes (account, region, id);
CREATE UNIQUE INDEX volumes_by_token ON volumes (account, region, client_token) WHERE client_token <> '';

CREATE TABLE volume_settings (
    -- What an account fixed for all its volumes in a Region.
    account               TEXT   NOT NULL,
    region                TEXT   NOT NULL,
    encryption_by_default BIGINT NOT NULL,
    default_key_arn       TEXT   NOT NULL,         -- '' for alias/aws/ebs
    snapshot_sharing      TEXT   NOT NULL,         -- block-all-sharing, block-new-sharing, or '' where snapshots may be public
    PRIMARY KEY (account, region)
);
