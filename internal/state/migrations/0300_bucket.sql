-- +goose Up
CREATE TABLE buckets (
    id         BIGINT PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE, -- one namespace over all accounts and Regions
    account_id TEXT   NOT NULL,        -- the owner
    region     TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    versioning TEXT   NOT NULL,        -- '' never enabled, 'Enabled', 'Suspended'
    encryption TEXT   NOT NULL,        -- JSON: what new objects are encrypted with by default
    ownership  TEXT   NOT NULL,        -- BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter; '' after its deletion
    policy     TEXT   NOT NULL,        -- '' for none
    tags       TEXT   NOT NULL,        -- JSON object
    object_lock TEXT  NOT NULL,        -- JSON: whether versions can be locked, and how new ones are by default
    settings   TEXT   NOT NULL,        -- JSON: public access block, ACL, lifecycle, notification
    lifecycle_due BIGINT NOT NULL DEFAULT 0 -- when the lifecycle rules are to be applied next; 0 where there are none
);
CREATE INDEX buckets_by_owner ON buckets (account_id, name);
CREATE INDEX buckets_by_lifecycle ON buckets (lifecycle_due) WHERE lifecycle_due <> 0;

-- Configurations of a bucket that only their own operations read: cors, accelerate, request payment.
CREATE TABLE bucket_settings (
    bucket_id BIGINT NOT NULL REFERENCES buckets (id) ON DELETE CASCADE,
    name      TEXT   NOT NULL,
    document  TEXT   NOT NULL, -- JSON of the SDK's struct
    PRIMARY KEY (bucket_id, name)
);
