-- +goose Up
-- What decided over a job, gate by gate, as JSON: see Trail in package rules. Empty for jobs that nothing decided over yet.
ALTER TABLE backup_jobs ADD COLUMN trail TEXT NOT NULL DEFAULT '[]';
ALTER TABLE copy_jobs ADD COLUMN trail TEXT NOT NULL DEFAULT '[]';
ALTER TABLE restore_jobs ADD COLUMN trail TEXT NOT NULL DEFAULT '[]';
