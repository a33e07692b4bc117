-- +goose Up
CREATE TABLE databases (
    id              TEXT PRIMARY KEY,        -- DbiResourceId or DbClusterResourceId: db-…, cluster-…
    account_id      TEXT NOT NULL,
    region          TEXT NOT NULL,
    engine          TEXT NOT NULL,           -- as RDS names it: postgres, aurora-mysql
    engine_version  TEXT NOT NULL,
    port            BIGINT NOT NULL UNIQUE,  -- on the host; kept for it while it is stopped
    master_username TEXT NOT NULL,
    password        BYTEA,                   -- of the master user, wrapped by the root key
    password_due    BOOLEAN NOT NULL,        -- the database has not been told of it yet
    name            TEXT NOT NULL,           -- of the database that is made at first; '' for none
    key_arn         TEXT NOT NULL,           -- '' for one that is not encrypted
    wrapped_key     BYTEA,                   -- a data key under key_arn, unwrapped at each start
    grant_id        TEXT NOT NULL,
    parameters      TEXT NOT NULL,           -- {name: value}, by the engine's names, from the next start on
    phase           TEXT NOT NULL,           -- new, filling, ready
    source          TEXT NOT NULL,           -- the archive point to fill it from
    wanted          TEXT NOT NULL,           -- running, stopped, deleted
    restart         BOOLEAN NOT NULL,        -- it is to be stopped and started
    final_snapshot  TEXT NOT NULL,           -- id of the snapshot that deleting waits for
    status          TEXT NOT NULL,           -- in RDS's words
    message         TEXT NOT NULL,           -- why it is not what it is wanted to be
    created_at      BIGINT NOT NULL
);
CREATE INDEX databases_by_account ON databases (account_id, region, id);
