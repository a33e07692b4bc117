-- +goose Up
CREATE TABLE snapshots (
    id              TEXT PRIMARY KEY,              -- snap-0123456789abcdef0
    account         TEXT   NOT NULL,               -- the owner
    region          TEXT   NOT NULL,
    volume_id       TEXT   NOT NULL,               -- vol-ffffffff where no volume is behind it
    size_gib        BIGINT NOT NULL,
    state           TEXT   NOT NULL,               -- pending, completed, error, deleting (not shown)
    message         TEXT   NOT NULL,               -- why it is in error
    progress        BIGINT NOT NULL,               -- percent
    description     TEXT   NOT NULL,
    key_arn         TEXT   NOT NULL,               -- '' for an unencrypted one
    created         BIGINT NOT NULL,
    completed       BIGINT NOT NULL,
    -- where its blocks lie: an archive point in a domain (location, key)
    point           TEXT   NOT NULL,
    vault_region    TEXT   NOT NULL,
    vault_account   TEXT   NOT NULL,
    vault           TEXT   NOT NULL,               -- backup vault, '' for EC2's own snapshots
    domain_key_arn  TEXT   NOT NULL,               -- key of the domain, '' for the service's own
    recovery_point  TEXT   NOT NULL,               -- ARN, where AWS Backup manages the snapshot
    -- how it came to be, until it is completed, and what the next one builds on
    source          TEXT   NOT NULL,               -- volume, direct, copy, backup
    parent          TEXT   NOT NULL,               -- id of the snapshot whose unchanged blocks it shares
    copied_from     TEXT   NOT NULL,               -- id of the snapshot a copy reads
    generation      BIGINT NOT NULL,               -- of the volume, up to which changes are in it
    wrapped_key     BYTEA,                         -- sector key of the staging file of a direct upload
    expires         BIGINT NOT NULL,               -- a direct upload without a write is in error from then on
    changed_blocks  BIGINT NOT NULL,
    full_size       BIGINT NOT NULL,               -- bytes of all blocks that hold data
    -- who may use it
    shared_with     TEXT   NOT NULL,               -- ["111111111111", "all"]
    client_token    TEXT   NOT NULL,
    request_digest  TEXT   NOT NULL,
    tags            TEXT   NOT NULL,
    -- how it is kept
    lock            TEXT   NOT NULL,               -- {"Mode": "governance", ...}, {} where it never was locked
    tier            TEXT   NOT NULL                -- {"Archived": true, ...}, {} where it always was in the standard tier
);
CREATE INDEX snapshots_by_account ON snapshots (account, region, id);
CREATE INDEX snapshots_by_volume ON snapshots (volume_id, generation);
CREATE INDEX snapshots_by_recovery_point ON snapshots (recovery_point) WHERE recovery_point <> '';
CREATE UNIQUE INDEX snapshots_by_token ON snapshots (account, region, client_token) WHERE client_token <> '';
