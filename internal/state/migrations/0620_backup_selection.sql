-- +goose Up
CREATE TABLE backup_selections (
    plan_id            TEXT NOT NULL REFERENCES backup_plans (id),
    id                 TEXT NOT NULL,
    name               TEXT NOT NULL,
    iam_role_arn       TEXT NOT NULL,
    creator_request_id TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    document           TEXT NOT NULL,
    PRIMARY KEY (plan_id, id),
    UNIQUE (plan_id, name)
);
