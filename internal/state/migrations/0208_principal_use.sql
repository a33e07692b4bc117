-- +goose Up
CREATE TABLE principal_uses (
    -- When a user or role last called an action.
    account_id   TEXT NOT NULL,
    principal_id TEXT NOT NULL,                    -- AIDA… or AROA…
    service      TEXT NOT NULL,                    -- as in actions: kms
    action       TEXT NOT NULL,                    -- Encrypt
    region       TEXT NOT NULL,
    used_at      BIGINT NOT NULL,
    PRIMARY KEY (account_id, principal_id, service, action)
);
CREATE TABLE access_key_uses (
    id      TEXT PRIMARY KEY,                      -- AKIA…
    service TEXT NOT NULL,
    region  TEXT NOT NULL,
    used_at BIGINT NOT NULL,
    FOREIGN KEY (id) REFERENCES access_keys (id) ON DELETE CASCADE
);
CREATE TABLE iam_reports (
    -- Credential reports and the jobs behind service last accessed details.
    id           TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL,
    kind         TEXT NOT NULL,                    -- credentials, SERVICE_LEVEL or ACTION_LEVEL
    subject      TEXT NOT NULL,                    -- ARN of what the report is about
    created_at   BIGINT NOT NULL,
    content      TEXT NOT NULL
);
CREATE INDEX iam_reports_account ON iam_reports (account_id, kind, created_at);
