-- +goose Up
ALTER TABLE handshakes ADD COLUMN action TEXT NOT NULL DEFAULT 'INVITE'; -- or ENABLE_ALL_FEATURES, APPROVE_ALL_FEATURES
ALTER TABLE handshakes ADD COLUMN parent_id TEXT NOT NULL DEFAULT '';    -- the handshake that one to approve belongs to
