-- +goose Up
CREATE TABLE option_groups (
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,   -- in lower case
    engine        TEXT NOT NULL,   -- mariadb
    major_version TEXT NOT NULL,   -- 10.11
    description   TEXT NOT NULL,
    tags          TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, name)
);
