-- +goose Up
CREATE TABLE events (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of writing, in which trails deliver
    id            TEXT NOT NULL UNIQUE, -- a time-ordered uuid: breaks ties of at in the order of arrival
    account_id    TEXT NOT NULL,    -- the account that sees the event
    region        TEXT NOT NULL,
    at            BIGINT NOT NULL,
    name          TEXT NOT NULL,
    source        TEXT NOT NULL,
    read_only     BIGINT NOT NULL,  -- 0 or 1
    username      TEXT NOT NULL,
    access_key_id TEXT NOT NULL,
    resources     TEXT NOT NULL,    -- JSON array, as event_resources has them
    document      TEXT NOT NULL,    -- the CloudTrail record
    data          BIGINT NOT NULL   -- 1 for data events, which only trails see
);
CREATE INDEX events_by_time ON events (account_id, region, at, id) WHERE data = 0;
CREATE INDEX events_by_age ON events (at);

CREATE TABLE event_resources (
    event_id   TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    type       TEXT NOT NULL,
    name       TEXT NOT NULL,
    PRIMARY KEY (event_id, name)
);
CREATE INDEX event_resources_by_name ON event_resources (account_id, region, name, at, event_id);
