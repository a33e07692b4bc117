-- +goose Up
CREATE TABLE backup_vaults (
    account_id         TEXT NOT NULL,
    region             TEXT NOT NULL,
    name               TEXT NOT NULL,
    arn                TEXT NOT NULL UNIQUE,
    key_arn            TEXT NOT NULL,
    key_type           TEXT NOT NULL,
    grant_id           TEXT NOT NULL,
    creator_request_id TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    policy             TEXT NOT NULL,
    tags               TEXT NOT NULL,
    locked             BOOLEAN NOT NULL,
    min_retention_days BIGINT NOT NULL,
    max_retention_days BIGINT NOT NULL,
    lock_date          BIGINT NOT NULL,
    topic_arn          TEXT NOT NULL,
    events             TEXT NOT NULL,
    PRIMARY KEY (account_id, region, name)
);

-- How many vaults an account has in a Region: what a quota is held against, without counting them each time.
CREATE TABLE backup_vault_counts (
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    vaults     BIGINT NOT NULL,
    PRIMARY KEY (account_id, region)
);
