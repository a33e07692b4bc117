-- +goose Up
CREATE TABLE copy_jobs (
    id                    TEXT PRIMARY KEY,
    account_id            TEXT NOT NULL,
    region                TEXT NOT NULL,
    source_vault_arn      TEXT NOT NULL,
    source_point_arn      TEXT NOT NULL,
    destination_vault_arn TEXT NOT NULL,
    destination_point_arn TEXT NOT NULL,
    destination_key_arn   TEXT NOT NULL,
    resource_arn          TEXT NOT NULL,
    resource_type         TEXT NOT NULL,
    resource_name         TEXT NOT NULL,
    iam_role_arn          TEXT NOT NULL,
    idempotency_token     TEXT NOT NULL,
    state                 TEXT NOT NULL,
    status_message        TEXT NOT NULL,
    message_category      TEXT NOT NULL,
    created_at            BIGINT NOT NULL,
    started_at            BIGINT NOT NULL,
    completed_at          BIGINT NOT NULL,
    percent               DOUBLE PRECISION NOT NULL,
    size_bytes            BIGINT NOT NULL,
    transferred_bytes     BIGINT NOT NULL,
    lifecycle             TEXT NOT NULL,
    created_by            TEXT NOT NULL,
    backup_job_id         TEXT NOT NULL,
    queued_behind         TEXT NOT NULL,
    parent_job_id         TEXT NOT NULL,
    attempts              BIGINT NOT NULL,
    grant_id              TEXT NOT NULL,
    grant_key_arn         TEXT NOT NULL
);
CREATE UNIQUE INDEX copy_jobs_by_token ON copy_jobs (account_id, region, idempotency_token) WHERE idempotency_token <> '';
CREATE INDEX copy_jobs_by_account ON copy_jobs (account_id, region, created_at);
CREATE INDEX copy_jobs_by_resource ON copy_jobs (resource_arn, state);
CREATE INDEX copy_jobs_by_source ON copy_jobs (source_point_arn);
CREATE INDEX copy_jobs_done ON copy_jobs (completed_at) WHERE completed_at > 0;
