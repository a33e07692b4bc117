-- +goose Up
CREATE TABLE recovery_points (
    arn                TEXT PRIMARY KEY,
    account_id         TEXT NOT NULL,
    region             TEXT NOT NULL,
    vault_name         TEXT NOT NULL,
    vault_arn          TEXT NOT NULL,
    source_vault_arn   TEXT NOT NULL,
    source_point_arn   TEXT NOT NULL,
    job_id             TEXT NOT NULL,
    resource_arn       TEXT NOT NULL,
    resource_type      TEXT NOT NULL,
    resource_name      TEXT NOT NULL,
    resource_region    TEXT NOT NULL,
    iam_role_arn       TEXT NOT NULL,
    created_by         TEXT NOT NULL,
    status             TEXT NOT NULL,
    status_message     TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    initiated_at       BIGINT NOT NULL,
    completed_at       BIGINT NOT NULL,
    size_bytes         BIGINT NOT NULL,
    transferred_bytes  BIGINT NOT NULL,
    new_bytes          BIGINT NOT NULL,               -- that the vault did not have, before compression
    stored_bytes       BIGINT NOT NULL,
    lifecycle          TEXT NOT NULL,
    delete_at          BIGINT NOT NULL,
    move_at            BIGINT NOT NULL,
    storage_class      TEXT NOT NULL,
    key_arn            TEXT NOT NULL,
    key_type           TEXT NOT NULL,
    is_encrypted       BOOLEAN NOT NULL,
    tags               TEXT NOT NULL,
    restore_metadata   TEXT NOT NULL,
    options            TEXT NOT NULL,
    archive_point_id   TEXT NOT NULL,
    archive_key_arn    TEXT NOT NULL,
    kind_state         TEXT NOT NULL,
    parent_arn         TEXT NOT NULL,
    index_status       TEXT NOT NULL,
    last_restored_at   BIGINT NOT NULL
);
CREATE INDEX recovery_points_by_vault ON recovery_points (vault_arn, created_at);
CREATE INDEX recovery_points_by_resource ON recovery_points (resource_arn, created_at);
CREATE INDEX recovery_points_by_account ON recovery_points (account_id, region);
CREATE INDEX recovery_points_due ON recovery_points (delete_at) WHERE delete_at > 0;
CREATE INDEX recovery_points_to_cool ON recovery_points (move_at) WHERE move_at > 0 AND storage_class = 'WARM';
