-- +goose Up
-- Queues whose messages invoke functions.
CREATE TABLE event_source_mappings (
    id           TEXT PRIMARY KEY, -- uuid
    account_id   TEXT NOT NULL,
    region       TEXT NOT NULL,
    function_arn TEXT NOT NULL,    -- with the version or alias that was named; the function may be gone
    source_arn   TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    batch_size   BIGINT NOT NULL,
    window_s     BIGINT NOT NULL,  -- seconds for which a batch is collected
    concurrency  BIGINT NOT NULL,  -- most invocations at once; 0: the service's own choice
    filters      TEXT NOT NULL,    -- JSON array of event patterns
    partial      BOOLEAN NOT NULL, -- the function answers which messages it could not process
    tags         TEXT NOT NULL,    -- JSON object
    reason       TEXT NOT NULL,    -- of the last change of state
    result       TEXT NOT NULL,    -- of the last batch
    modified_at  BIGINT NOT NULL,
    UNIQUE (function_arn, source_arn)
);
CREATE INDEX event_source_mappings_by_owner ON event_source_mappings (account_id, region, id);
