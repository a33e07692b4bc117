-- +goose Up
CREATE TABLE db_parameter_groups (
    kind        TEXT NOT NULL,   -- instance, cluster
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,   -- in lower case
    family      TEXT NOT NULL,   -- postgres15
    description TEXT NOT NULL,
    parameters  TEXT NOT NULL,   -- {name: {value, apply method}}: those that differ from the family's defaults
    tags        TEXT NOT NULL,
    PRIMARY KEY (kind, account_id, region, name)
);
