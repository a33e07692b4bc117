-- +goose Up
-- Multipart uploads in progress. Completing one deletes its row; its parts stay and belong to the object.
CREATE TABLE uploads (
    id        TEXT   PRIMARY KEY,
    bucket_id BIGINT NOT NULL REFERENCES buckets (id),
    key       TEXT   NOT NULL,
    initiated BIGINT NOT NULL,
    object    TEXT   NOT NULL -- JSON of the object row as it will be, but for content and version
);
CREATE INDEX uploads_by_key ON uploads (bucket_id, key, id);

CREATE TABLE upload_parts (
    upload_id TEXT   NOT NULL, -- of an upload in progress or of an object
    number    BIGINT NOT NULL,
    modified  BIGINT NOT NULL,
    file      BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    etag      TEXT   NOT NULL, -- MD5 in hex
    checksum  TEXT   NOT NULL, -- base64, of the upload's algorithm
    PRIMARY KEY (upload_id, number)
);
CREATE UNIQUE INDEX upload_parts_by_file ON upload_parts (file);
