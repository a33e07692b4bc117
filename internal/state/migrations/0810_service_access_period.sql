-- +goose Up
CREATE TABLE organization_service_access_periods (
    -- When a service had trusted access to an organization: AWS Backup shows the jobs that were created meanwhile.
    organization_id TEXT NOT NULL,
    principal       TEXT NOT NULL,                 -- backup.amazonaws.com
    begins_at       BIGINT NOT NULL,
    ends_at         BIGINT NOT NULL DEFAULT 0,     -- 0 while it has
    PRIMARY KEY (organization_id, principal, begins_at)
);
INSERT INTO organization_service_access_periods (organization_id, principal, begins_at)
    SELECT organization_id, principal, enabled_at FROM organization_service_access;
