-- +goose Up
-- When each pack of the archives was last read by a verification or the scrub, and what was found.
CREATE TABLE archive_packs (
    archive TEXT NOT NULL,      -- the archive's id: the vault's ARN
    domain  TEXT NOT NULL,
    pack    TEXT NOT NULL,
    read_at BIGINT NOT NULL,    -- by the machine's clock: it is its disks that decay
    bytes   BIGINT NOT NULL,
    damaged BOOLEAN NOT NULL,
    PRIMARY KEY (archive, domain, pack)
);
CREATE INDEX archive_packs_by_time ON archive_packs (archive, read_at);
-- The last verification of each archive that went through its recovery points.
CREATE TABLE archive_verifications (
    archive  TEXT PRIMARY KEY,
    by_whom  TEXT NOT NULL,     -- verify, repair, scrub
    part     TEXT NOT NULL,     -- what of the packs was read: all, 1/7, those not read since a time
    began_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    points   BIGINT NOT NULL,
    packs    BIGINT NOT NULL,
    bytes    BIGINT NOT NULL,
    skipped  BIGINT NOT NULL,   -- sealing domains that could not be opened
    damage   TEXT NOT NULL      -- JSON: what was found and is not mended
);
-- The headers of sealing domains, as they lie in the archives: without its header a domain is lost.
CREATE TABLE archive_domains (
    archive    TEXT NOT NULL,
    domain     TEXT NOT NULL,
    key_arn    TEXT NOT NULL,
    wrapped    TEXT NOT NULL,   -- the data key, as KMS wrapped it, base64
    created_at TEXT NOT NULL,   -- RFC 3339, as in the header
    PRIMARY KEY (archive, domain)
);
-- Which copies there are of a recovery point.
CREATE INDEX recovery_points_by_source ON recovery_points (source_point_arn) WHERE source_point_arn <> '';
