-- +goose Up
CREATE TABLE backup_plans (
    id                 TEXT PRIMARY KEY,
    account_id         TEXT NOT NULL,
    region             TEXT NOT NULL,
    arn                TEXT NOT NULL,
    name               TEXT NOT NULL,
    version_id         TEXT NOT NULL,
    creator_request_id TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    deleted_at         BIGINT NOT NULL,
    executed_at        BIGINT NOT NULL,
    document           TEXT NOT NULL,
    tags               TEXT NOT NULL
);
CREATE INDEX backup_plans_by_account ON backup_plans (account_id, region);

CREATE TABLE backup_plan_versions (
    plan_id    TEXT NOT NULL REFERENCES backup_plans (id),
    version_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (plan_id, version_id)
);

CREATE TABLE backup_rule_schedules (
    -- When each rule of the current version of each plan runs next.
    plan_id     TEXT NOT NULL REFERENCES backup_plans (id),
    rule_id     TEXT NOT NULL,
    next_run_at BIGINT NOT NULL,
    PRIMARY KEY (plan_id, rule_id)
);
CREATE INDEX backup_rule_schedules_due ON backup_rule_schedules (next_run_at);
