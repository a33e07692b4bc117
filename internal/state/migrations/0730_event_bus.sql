-- +goose Up
-- A default bus is there without a row, which it gets once something is set of it.
CREATE TABLE event_buses (
    arn         TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    policy      TEXT NOT NULL, -- JSON, or empty
    tags        TEXT NOT NULL, -- JSON object
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (account_id, region, name)
);

CREATE TABLE event_rules (
    arn         TEXT PRIMARY KEY,
    bus_arn     TEXT NOT NULL,
    bus_name    TEXT NOT NULL,
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    pattern     TEXT NOT NULL,   -- JSON, or empty
    schedule    TEXT NOT NULL,   -- rate(…), cron(…), or empty
    state       TEXT NOT NULL,   -- ENABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS or DISABLED
    role_arn    TEXT NOT NULL,
    targets     TEXT NOT NULL,   -- JSON array of targets as the API has them
    tags        TEXT NOT NULL,   -- JSON object
    created_at  BIGINT NOT NULL,
    next_at     BIGINT NOT NULL, -- next run of the schedule; 0 where it has none or is disabled
    UNIQUE (bus_arn, name)
);
CREATE INDEX event_rules_by_time ON event_rules (next_at) WHERE next_at > 0;
