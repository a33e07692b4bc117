-- +goose Up
-- The store of CloudWatch Logs, a file of its own: however much is logged, nobody else waits for it.
CREATE TABLE log_groups (
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- a group that is made again is another one
    account_id     TEXT NOT NULL,
    region         TEXT NOT NULL,
    name           TEXT NOT NULL,
    class          TEXT NOT NULL,
    retention_days BIGINT NOT NULL, -- 0: for ever
    stored_bytes   BIGINT NOT NULL, -- of its chunks' events
    protected      BOOLEAN NOT NULL, -- may not be deleted
    tags           TEXT NOT NULL,   -- JSON object
    created_at     BIGINT NOT NULL,
    UNIQUE (account_id, region, name)
);
CREATE INDEX log_groups_by_retention ON log_groups (id) WHERE retention_days > 0;

CREATE TABLE log_streams (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id       BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    name           TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    first_event_at BIGINT NOT NULL, -- milliseconds, as the events have it; 0: none yet
    last_event_at  BIGINT NOT NULL,
    ingested_at    BIGINT NOT NULL, -- of the last chunk; 0: none yet
    UNIQUE (group_id, name)
);
CREATE INDEX log_streams_by_time ON log_streams (group_id, last_event_at, name);

-- What came with one call. No chunk spans more than a day.
CREATE TABLE log_chunks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    BIGINT NOT NULL REFERENCES log_groups (id) ON DELETE CASCADE,
    stream_id   BIGINT NOT NULL REFERENCES log_streams (id) ON DELETE CASCADE,
    first_at    BIGINT NOT NULL, -- milliseconds: of its first event
    last_at     BIGINT NOT NULL,
    ingested_at BIGINT NOT NULL,
    bytes       BIGINT NOT NULL, -- of its events, as AWS counts them
    body        BYTEA NOT NULL   -- JSON of the events, compressed and sealed
);
CREATE INDEX log_chunks_by_group ON log_chunks (group_id, first_at, id);
CREATE INDEX log_chunks_by_stream ON log_chunks (stream_id, first_at, id);
CREATE INDEX log_chunks_by_end ON log_chunks (stream_id, last_at, id);
CREATE INDEX log_chunks_by_age ON log_chunks (group_id, last_at);
