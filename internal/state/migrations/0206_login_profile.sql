-- +goose Up
CREATE TABLE login_profiles (
    -- The passwords of users.
    account_id     TEXT NOT NULL,
    user_name      TEXT NOT NULL,
    hash           TEXT NOT NULL,                  -- salted, of the password; see internal/service/iam
    former         TEXT NOT NULL,                  -- JSON array: hashes of passwords before, newest first
    reset_required BOOLEAN NOT NULL,
    created_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    PRIMARY KEY (account_id, user_name),
    FOREIGN KEY (account_id, user_name) REFERENCES users (account_id, name) ON UPDATE CASCADE
);
CREATE TABLE password_policies (
    account_id TEXT PRIMARY KEY,
    policy     TEXT NOT NULL                       -- JSON object
);
CREATE TABLE account_aliases (
    alias      TEXT PRIMARY KEY,                   -- one in the whole house
    account_id TEXT NOT NULL UNIQUE
);
