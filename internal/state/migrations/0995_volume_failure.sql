-- +goose Up
-- Why a volume is in the state "error"; '' for all others.
ALTER TABLE volumes ADD COLUMN failure TEXT NOT NULL DEFAULT '';
