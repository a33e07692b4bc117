-- +goose Up
CREATE TABLE db_instances (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    id          TEXT NOT NULL,   -- DBInstanceIdentifier, in lower case
    resource_id TEXT NOT NULL,   -- DbiResourceId, which stays when it is renamed
    database_id TEXT NOT NULL,   -- the database behind it; for a member of a cluster that of the cluster
    cluster_id  TEXT NOT NULL,   -- DBClusterIdentifier; '' for an instance by itself
    class       TEXT NOT NULL,   -- db.t3.micro
    status      TEXT NOT NULL,   -- hides the database's while it is not '': modifying, renaming
    settings    TEXT NOT NULL,   -- what else was asked for, as JSON
    tags        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, id)
);
CREATE INDEX db_instances_by_database ON db_instances (database_id);
