-- +goose Up
CREATE TABLE db_subnet_groups (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,   -- in lower case
    description TEXT NOT NULL,
    subnets     TEXT NOT NULL,   -- ["subnet-…"]
    tags        TEXT NOT NULL,
    PRIMARY KEY (account_id, region, name)
);
