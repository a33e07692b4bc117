-- +goose Up
-- What services have to bring to queues, topics, event buses and endpoints. A row goes when it was brought, or given up.
CREATE TABLE deliveries (
    id           TEXT PRIMARY KEY, -- uuid
    sequence     BIGINT NOT NULL,  -- order within a target
    principal    TEXT NOT NULL,    -- service that delivers
    account_id   TEXT NOT NULL,    -- of the source
    region       TEXT NOT NULL,
    source_arn   TEXT NOT NULL,    -- bucket, vault, rule, topic
    target_arn   TEXT NOT NULL,    -- ARN, or URL of an endpoint
    role_arn     TEXT NOT NULL,    -- role that delivers in place of the service, or empty
    dead_letter  TEXT NOT NULL,    -- ARN of the queue that takes what can not be delivered, or empty
    content      BYTEA NOT NULL,   -- JSON, sealed
    most         BIGINT NOT NULL,  -- attempts after the first
    expires_at   BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX deliveries_by_time ON deliveries (next_at, account_id, target_arn);
CREATE INDEX deliveries_by_target ON deliveries (target_arn, account_id, sequence);
