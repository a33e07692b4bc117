-- +goose Up
CREATE TABLE backup_settings (
    -- Global settings have an empty region; kind tells the maps of a Region apart.
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, region, kind)
);
