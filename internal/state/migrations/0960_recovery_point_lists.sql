-- +goose Up
-- Lists are read in the order of an index, whole, so that a page costs what a page has and not what the vault has.
DROP INDEX recovery_points_by_vault;
DROP INDEX recovery_points_by_resource;
DROP INDEX recovery_points_by_account;
CREATE INDEX recovery_points_by_vault ON recovery_points (vault_arn, created_at, arn);
CREATE INDEX recovery_points_by_resource ON recovery_points (resource_arn, created_at, arn);
CREATE INDEX recovery_points_by_vault_resource ON recovery_points (vault_arn, resource_arn, created_at, arn);
CREATE INDEX recovery_points_by_account ON recovery_points (account_id, region, resource_arn, created_at, arn);
CREATE INDEX recovery_points_by_time ON recovery_points (account_id, region, created_at, arn);
DROP INDEX backup_jobs_by_account;
DROP INDEX copy_jobs_by_account;
DROP INDEX restore_jobs_by_account;
CREATE INDEX backup_jobs_by_account ON backup_jobs (account_id, region, created_at, id);
CREATE INDEX copy_jobs_by_account ON copy_jobs (account_id, region, created_at, id);
CREATE INDEX restore_jobs_by_account ON restore_jobs (account_id, region, created_at, id);
-- Copies into a vault that is to be deleted, and those that one waits for, are few among all that there have been.
CREATE INDEX copy_jobs_by_state ON copy_jobs (state, destination_vault_arn);
