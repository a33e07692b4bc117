-- +goose Up
CREATE TABLE db_clusters (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    id          TEXT NOT NULL,    -- DBClusterIdentifier, in lower case
    resource_id TEXT NOT NULL,    -- DbClusterResourceId, which is the id of its database and stays when it is renamed
    writer_id   TEXT NOT NULL,    -- DBInstanceIdentifier of the member that writes; '' while it has none
    stopped     BOOLEAN NOT NULL, -- its owner stopped it; without instances its database does not run either
    settings    TEXT NOT NULL,    -- what else was asked for, as JSON
    tags        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, id)
);
CREATE UNIQUE INDEX db_clusters_by_resource ON db_clusters (resource_id);
CREATE INDEX db_instances_by_cluster ON db_instances (account_id, region, cluster_id) WHERE cluster_id <> '';
