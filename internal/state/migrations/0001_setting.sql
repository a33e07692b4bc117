-- +goose Up
CREATE TABLE settings (
    -- What the service itself must remember: its own secrets (wrapped by the root key), the clock's offset.
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);
