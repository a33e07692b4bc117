-- +goose Up
-- Lambda functions. What belongs to a function as a whole stands here, what differs by version in function_versions.
CREATE TABLE functions (
    arn           TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    tags          TEXT NOT NULL,   -- JSON object
    reserved      BIGINT NOT NULL, -- reserved concurrency; -1: none
    last_version  BIGINT NOT NULL, -- number of the version that was published last; 0: none
    policies      TEXT NOT NULL,   -- JSON object: resource policy by qualifier, which is empty for the function
    event_configs TEXT NOT NULL,   -- JSON object: what asynchronous invocations do, by qualifier
    created_at    BIGINT NOT NULL
);
CREATE INDEX functions_by_owner ON functions (account_id, region, name);

CREATE TABLE function_versions (
    function_arn  TEXT NOT NULL REFERENCES functions (arn) ON DELETE CASCADE,
    number        BIGINT NOT NULL, -- 0: $LATEST
    code_sha256   TEXT NOT NULL,   -- in hexadecimal: the name of the package in the store of code
    revision_id   TEXT NOT NULL,
    configuration TEXT NOT NULL,   -- JSON object
    environment   BYTEA NOT NULL,   -- the variables, sealed
    PRIMARY KEY (function_arn, number)
);
CREATE INDEX function_versions_by_code ON function_versions (code_sha256);

CREATE TABLE function_aliases (
    function_arn TEXT NOT NULL REFERENCES functions (arn) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    version      TEXT NOT NULL,
    weights      TEXT NOT NULL, -- JSON object: share of another version
    description  TEXT NOT NULL,
    revision_id  TEXT NOT NULL,
    PRIMARY KEY (function_arn, name)
);

-- Asynchronous invocations that are not over.
CREATE TABLE function_events (
    id           TEXT PRIMARY KEY, -- the request's
    function_arn TEXT NOT NULL REFERENCES functions (arn) ON DELETE CASCADE,
    qualifier    TEXT NOT NULL,
    content      BYTEA NOT NULL,    -- payload and client context, sealed
    attempts     BIGINT NOT NULL,  -- that ended in an error of the function
    throttles    BIGINT NOT NULL,  -- attempts in a row that were not begun
    next_at      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX function_events_due ON function_events (next_at);
