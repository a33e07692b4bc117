-- +goose Up
-- Backup and tag policies merge in the order in which they were attached to a place. Times do not tell it: a clock that
-- stands still gives several policies the same.
ALTER TABLE organization_policy_attachments ADD COLUMN position BIGINT NOT NULL DEFAULT 0; -- counts up at a target
UPDATE organization_policy_attachments SET position = (
    SELECT COUNT(*) FROM organization_policy_attachments AS earlier
    WHERE earlier.organization_id = organization_policy_attachments.organization_id
        AND earlier.target_id = organization_policy_attachments.target_id
        AND earlier.type = organization_policy_attachments.type
        AND (earlier.attached_at < organization_policy_attachments.attached_at
            OR earlier.attached_at = organization_policy_attachments.attached_at
                AND earlier.policy_id <= organization_policy_attachments.policy_id)
);
CREATE TABLE organization_policy_changes (
    -- How often something has changed that effective policies of a type follow from.
    organization_id TEXT NOT NULL,
    type            TEXT NOT NULL,
    number          BIGINT NOT NULL,               -- counts the changes
    changed_at      BIGINT NOT NULL,               -- of the last change
    evaluated       BIGINT NOT NULL,               -- the change that effective_policies has been brought up to
    PRIMARY KEY (organization_id, type)
);
CREATE TABLE effective_policies (
    -- What the policies of a type amount to for an account.
    account_id      TEXT NOT NULL,
    type            TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    content         TEXT NOT NULL,                 -- in force: JSON of the last that was valid; '' for none
    version         BIGINT NOT NULL,               -- counts the changes of the content
    applied         BIGINT NOT NULL,               -- the version that the account's plans have been made from
    updated_at      BIGINT NOT NULL,               -- when the content last changed
    invalid         BOOLEAN NOT NULL,              -- what the policies amount to now is not valid, and not in force
    errors          TEXT NOT NULL,                 -- JSON array: why
    evaluated_at    BIGINT NOT NULL,               -- when invalid and errors last changed
    PRIMARY KEY (account_id, type)
);
CREATE INDEX effective_policies_organization ON effective_policies (organization_id, type, account_id);
CREATE INDEX effective_policies_unapplied ON effective_policies (organization_id, type, account_id) WHERE version <> applied;
