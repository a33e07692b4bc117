-- +goose Up
CREATE TABLE sns_topics (
    arn        TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    attributes TEXT NOT NULL, -- JSON object: those that were set, by the names of the API
    tags       TEXT NOT NULL, -- JSON object
    created_at BIGINT NOT NULL
);
CREATE INDEX sns_topics_by_owner ON sns_topics (account_id, region, name);

CREATE TABLE sns_subscriptions (
    arn           TEXT PRIMARY KEY,
    topic_arn     TEXT NOT NULL REFERENCES sns_topics (arn) ON DELETE CASCADE,
    account_id    TEXT NOT NULL,   -- of the subscriber
    region        TEXT NOT NULL,
    protocol      TEXT NOT NULL,   -- sqs, http or https
    endpoint      TEXT NOT NULL,
    attributes    TEXT NOT NULL,   -- JSON object
    pending       BOOLEAN NOT NULL,
    authenticated BOOLEAN NOT NULL, -- the confirmation asked for authentication to unsubscribe
    created_at    BIGINT NOT NULL,
    UNIQUE (topic_arn, protocol, endpoint)
);
CREATE INDEX sns_subscriptions_by_owner ON sns_subscriptions (account_id, region, arn);

-- What was published to FIFO topics in the last five minutes.
CREATE TABLE sns_deduplications (
    topic_arn  TEXT NOT NULL REFERENCES sns_topics (arn) ON DELETE CASCADE,
    group_id   TEXT NOT NULL, -- empty where the scope is the topic
    dedup_id   TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (topic_arn, group_id, dedup_id)
);
CREATE INDEX sns_deduplications_by_age ON sns_deduplications (expires_at);
