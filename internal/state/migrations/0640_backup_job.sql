-- +goose Up
CREATE TABLE backup_jobs (
    id                 TEXT PRIMARY KEY,
    account_id         TEXT NOT NULL,
    region             TEXT NOT NULL,
    vault_name         TEXT NOT NULL,
    vault_arn          TEXT NOT NULL,
    point_arn          TEXT NOT NULL,
    resource_arn       TEXT NOT NULL,
    resource_type      TEXT NOT NULL,
    resource_name      TEXT NOT NULL,
    key_arn            TEXT NOT NULL,
    is_encrypted       BOOLEAN NOT NULL,
    iam_role_arn       TEXT NOT NULL,
    idempotency_token  TEXT NOT NULL,
    state              TEXT NOT NULL,
    status_message     TEXT NOT NULL,
    message_category   TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    initiated_at       BIGINT NOT NULL,
    started_at         BIGINT NOT NULL,
    completed_at       BIGINT NOT NULL,
    start_by           BIGINT NOT NULL,
    complete_by        BIGINT NOT NULL,
    complete_window    BIGINT NOT NULL,
    expected_at        BIGINT NOT NULL,
    percent            DOUBLE PRECISION NOT NULL,
    size_bytes         BIGINT NOT NULL,
    transferred_bytes  BIGINT NOT NULL,
    backup_type        TEXT NOT NULL,
    options            TEXT NOT NULL,
    tags               TEXT NOT NULL,
    lifecycle          TEXT NOT NULL,
    copy_actions       TEXT NOT NULL,
    created_by         TEXT NOT NULL,
    queued_behind      TEXT NOT NULL,
    parent_job_id      TEXT NOT NULL,
    attempts           BIGINT NOT NULL
);
CREATE UNIQUE INDEX backup_jobs_by_token ON backup_jobs (account_id, region, idempotency_token) WHERE idempotency_token <> '';
CREATE INDEX backup_jobs_by_account ON backup_jobs (account_id, region, created_at);
CREATE INDEX backup_jobs_by_resource ON backup_jobs (resource_arn, state);
CREATE INDEX backup_jobs_by_state ON backup_jobs (state, start_by);
CREATE INDEX backup_jobs_done ON backup_jobs (completed_at) WHERE completed_at > 0;
