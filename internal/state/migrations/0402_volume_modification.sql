-- +goose Up
-- What ModifyVolume did to volumes that are still there.
CREATE TABLE volume_modifications (
    volume_id TEXT   NOT NULL,
    number    BIGINT NOT NULL,                     -- counts a volume's modifications, from 1
    started   BIGINT NOT NULL,
    before    TEXT   NOT NULL,                     -- the shapes of the volume: {"SizeGiB": 1, "Type": "gp2", ...}
    after     TEXT   NOT NULL,
    PRIMARY KEY (volume_id, number)
);
