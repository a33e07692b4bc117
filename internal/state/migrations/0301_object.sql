-- +goose Up
CREATE TABLE objects (
    bucket_id          BIGINT   NOT NULL REFERENCES buckets (id),
    key                TEXT     NOT NULL, -- ordered by its UTF-8 bytes
    modified           BIGINT   NOT NULL, -- later than of every older version of the key: the order of versions
    version_id         TEXT     NOT NULL, -- 'null' for the null version
    current            SMALLINT NOT NULL, -- 1 for the newest version unless it is a delete marker: what listings show
    delete_marker      SMALLINT NOT NULL,
    size               BIGINT   NOT NULL, -- bytes of the content
    etag               TEXT     NOT NULL, -- without quotes
    storage_class      TEXT     NOT NULL,
    checksum_algorithm TEXT     NOT NULL,
    checksum_type      TEXT     NOT NULL, -- FULL_OBJECT or COMPOSITE
    checksum           TEXT     NOT NULL, -- base64, "-N" behind it for a composite one
    changed            BIGINT   NOT NULL, -- counts changes of tags and ACL
    owner              TEXT     NOT NULL, -- account id
    tags               TEXT     NOT NULL, -- JSON object, '' for none
    acl                TEXT     NOT NULL, -- JSON, '' for full control of the owner
    lock               TEXT     NOT NULL, -- JSON: retention and legal hold; '' for none
    restored           TEXT     NOT NULL, -- JSON: a restore of an archived object, '' for none
    file               BIGINT   NOT NULL, -- id of the file that holds the content; 0 if it is in parts, or there is none
    upload_id          TEXT     NOT NULL, -- whose parts hold the content; '' for none
    sse                TEXT     NOT NULL, -- AES256, aws:kms, or SSE-C for a key of the client's; '' for a delete marker
    kms_key_arn        TEXT     NOT NULL,
    kms_context        TEXT     NOT NULL, -- JSON of the encryption context, '' for SSE-S3
    bucket_key         SMALLINT NOT NULL,
    wrapped_key        BYTEA    NOT NULL, -- the data key, wrapped by the service's, the KMS or the client's key
    headers            TEXT     NOT NULL, -- JSON: content type, user metadata and other headers
    PRIMARY KEY (bucket_id, key, modified)
);
CREATE UNIQUE INDEX objects_newest_first ON objects (bucket_id, key, modified DESC);
CREATE UNIQUE INDEX objects_current ON objects (bucket_id, key) WHERE current = 1;
CREATE UNIQUE INDEX objects_by_file ON objects (file) WHERE file <> 0;
