-- +goose Up
CREATE TABLE db_events (
    id          INTEGER PRIMARY KEY,
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    source_type TEXT NOT NULL,   -- db-instance, db-snapshot, db-cluster, db-cluster-snapshot
    source_id   TEXT NOT NULL,   -- identifier
    source_arn  TEXT NOT NULL,
    category    TEXT NOT NULL,   -- of DescribeEventCategories
    message     TEXT NOT NULL,
    at          BIGINT NOT NULL
);
CREATE INDEX db_events_by_account ON db_events (account_id, region, at);
