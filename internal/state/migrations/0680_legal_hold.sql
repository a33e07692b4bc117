-- +goose Up
CREATE TABLE legal_holds (
    id                 TEXT PRIMARY KEY,
    account_id         TEXT NOT NULL,
    region             TEXT NOT NULL,
    arn                TEXT NOT NULL,
    title              TEXT NOT NULL,
    description        TEXT NOT NULL,
    status             TEXT NOT NULL,
    idempotency_token  TEXT NOT NULL,
    vault_names        TEXT NOT NULL,
    resource_arns      TEXT NOT NULL,
    from_at            BIGINT NOT NULL,
    to_at              BIGINT NOT NULL,
    tags               TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    canceled_at        BIGINT NOT NULL,
    cancel_description TEXT NOT NULL,
    retain_until       BIGINT NOT NULL
);
CREATE INDEX legal_holds_by_account ON legal_holds (account_id, region, created_at);
CREATE INDEX legal_holds_retained ON legal_holds (retain_until) WHERE retain_until > 0;

CREATE TABLE legal_hold_points (
    -- The recovery points that active holds keep.
    hold_id    TEXT NOT NULL REFERENCES legal_holds (id),
    arn        TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (hold_id, arn)
);
CREATE INDEX legal_hold_points_by_point ON legal_hold_points (arn);
