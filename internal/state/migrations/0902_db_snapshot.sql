-- +goose Up
CREATE TABLE db_snapshots (
    kind            TEXT NOT NULL,   -- instance, cluster
    account_id      TEXT NOT NULL,   -- the owner
    region          TEXT NOT NULL,
    id              TEXT NOT NULL,   -- DBSnapshotIdentifier, in lower case; awsbackup:job-… for recovery points
    database_id     TEXT NOT NULL,   -- of what it was taken of
    source_id       TEXT NOT NULL,   -- its identifier then
    type            TEXT NOT NULL,   -- manual, automated, awsbackup
    status          TEXT NOT NULL,   -- creating, copying, available, failed, deleting
    message         TEXT NOT NULL,   -- why it failed
    progress        BIGINT NOT NULL, -- percent
    engine          TEXT NOT NULL,
    engine_version  TEXT NOT NULL,
    master_username TEXT NOT NULL,
    name            TEXT NOT NULL,
    port            BIGINT NOT NULL,
    key_arn         TEXT NOT NULL,
    settings        TEXT NOT NULL,   -- of the instance or cluster, as JSON
    -- where its content lies: an archive point in a domain (location, key)
    point           TEXT NOT NULL,
    vault_region    TEXT NOT NULL,
    vault_account   TEXT NOT NULL,
    vault           TEXT NOT NULL,   -- backup vault, '' for RDS's own snapshots
    domain_key_arn  TEXT NOT NULL,
    recovery_point  TEXT NOT NULL,   -- ARN, where AWS Backup manages it
    copied_from     TEXT NOT NULL,   -- ARN of the snapshot that a copy reads
    size_bytes      BIGINT NOT NULL, -- of all files
    stored_bytes    BIGINT NOT NULL, -- by which it made the archive grow
    shared_with     TEXT NOT NULL,   -- ["111111111111", "all"]
    tags            TEXT NOT NULL,
    source_created  BIGINT NOT NULL, -- when the instance or cluster was
    original_at     BIGINT NOT NULL, -- when the content was taken; a copy keeps it
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (kind, account_id, region, id)
);
CREATE INDEX db_snapshots_by_database ON db_snapshots (database_id);
CREATE INDEX db_snapshots_by_recovery_point ON db_snapshots (recovery_point) WHERE recovery_point <> '';
CREATE UNIQUE INDEX db_snapshots_by_point ON db_snapshots (point);
