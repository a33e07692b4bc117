-- +goose Up
CREATE TABLE trails (
    arn             TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL,
    region          TEXT NOT NULL,    -- its home
    name            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    bucket          TEXT NOT NULL,
    prefix          TEXT NOT NULL,
    topic           TEXT NOT NULL,    -- ARN; '' for none
    key_arn         TEXT NOT NULL,    -- '' for none
    global_events   BOOLEAN NOT NULL, -- those of IAM, STS and Organizations
    multi_region    BOOLEAN NOT NULL,
    organization_id TEXT NOT NULL,    -- '' for a trail of one account
    validation      BOOLEAN NOT NULL, -- digests are delivered
    selectors       TEXT NOT NULL,    -- JSON
    tags            TEXT NOT NULL,    -- JSON object
    logging         BOOLEAN NOT NULL,
    started_at      BIGINT NOT NULL,
    stopped_at      BIGINT NOT NULL,
    delivered       BIGINT NOT NULL,  -- the number of the last event that was looked at
    until           BIGINT NOT NULL,  -- the number of the last event before logging was stopped
    planned         BIGINT NOT NULL,  -- up to where a delivery has begun; 0 between deliveries
    planned_at      BIGINT NOT NULL,
    digested_at     BIGINT NOT NULL,  -- the end of the last digest
    status          TEXT NOT NULL     -- JSON: how the last deliveries went
);
CREATE UNIQUE INDEX trails_by_name ON trails (account_id, region, name);

-- Log files that are delivered and in no digest yet.
CREATE TABLE trail_files (
    trail_arn    TEXT NOT NULL REFERENCES trails (arn) ON DELETE CASCADE,
    account_id   TEXT NOT NULL, -- whose events are in it
    region       TEXT NOT NULL,
    bucket       TEXT NOT NULL,
    object       TEXT NOT NULL,
    hash         TEXT NOT NULL, -- SHA-256 of the content before its compression, hexadecimal
    oldest       BIGINT NOT NULL,
    newest       BIGINT NOT NULL,
    delivered_at BIGINT NOT NULL,
    PRIMARY KEY (trail_arn, object)
);

-- The last digest of each chain.
CREATE TABLE trail_digests (
    trail_arn  TEXT NOT NULL REFERENCES trails (arn) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    end_at     BIGINT NOT NULL,
    bucket     TEXT NOT NULL,
    object     TEXT NOT NULL,
    hash       TEXT NOT NULL,
    signature  TEXT NOT NULL,
    PRIMARY KEY (trail_arn, account_id, region)
);
