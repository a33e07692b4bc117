-- +goose Up
CREATE TABLE restore_jobs (
    id                   TEXT PRIMARY KEY,
    account_id           TEXT NOT NULL,
    region               TEXT NOT NULL,
    vault_arn            TEXT NOT NULL,
    point_arn            TEXT NOT NULL,
    point_created_at     BIGINT NOT NULL,
    source_resource_arn  TEXT NOT NULL,
    created_resource_arn TEXT NOT NULL,
    resource_type        TEXT NOT NULL,
    iam_role_arn         TEXT NOT NULL,
    idempotency_token    TEXT NOT NULL,
    state                TEXT NOT NULL,
    status_message       TEXT NOT NULL,
    message_category     TEXT NOT NULL,
    created_at           BIGINT NOT NULL,
    started_at           BIGINT NOT NULL,
    completed_at         BIGINT NOT NULL,
    percent              DOUBLE PRECISION NOT NULL,
    size_bytes           BIGINT NOT NULL,
    transferred_bytes    BIGINT NOT NULL,
    metadata             TEXT NOT NULL,
    copy_source_tags     BOOLEAN NOT NULL,
    attempts             BIGINT NOT NULL,
    validation_status    TEXT NOT NULL,
    validation_message   TEXT NOT NULL
);
CREATE UNIQUE INDEX restore_jobs_by_token ON restore_jobs (account_id, region, idempotency_token) WHERE idempotency_token <> '';
CREATE INDEX restore_jobs_by_account ON restore_jobs (account_id, region, created_at);
CREATE INDEX restore_jobs_by_point ON restore_jobs (point_arn, state);
CREATE INDEX restore_jobs_done ON restore_jobs (completed_at) WHERE completed_at > 0;
