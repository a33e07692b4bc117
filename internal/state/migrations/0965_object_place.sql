-- +goose Up
-- Where the content begins in a file that holds those of several objects; 0 for a file of its own.
ALTER TABLE objects ADD COLUMN file_offset BIGINT NOT NULL DEFAULT 0;
DROP INDEX objects_by_file;
CREATE UNIQUE INDEX objects_by_place ON objects (file, file_offset) WHERE file <> 0;
