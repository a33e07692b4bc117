-- +goose Up
-- The organization whose backup policies made a plan; '' for one that the account made itself.
ALTER TABLE backup_plans ADD COLUMN organization_id TEXT NOT NULL DEFAULT '';
CREATE INDEX backup_plans_by_policy ON backup_plans (account_id) WHERE organization_id <> '';
