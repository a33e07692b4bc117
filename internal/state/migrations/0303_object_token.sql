-- +goose Up
-- Writes of objects that a job must not make twice, kept until the job is over.
CREATE TABLE object_tokens (
    token      TEXT PRIMARY KEY, -- <job id>/<what of it>
    version_id TEXT NOT NULL     -- the version that the write made
);
