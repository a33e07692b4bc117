-- +goose Up
-- A second copy of part of the state lies in the stores of the Regions, as documents: see internal/catalogue. What changed of it
-- is noted here by triggers, in the transaction that changes it, so that no change is forgotten wherever it is made.
CREATE TABLE catalogue_changes (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: it tells the versions of a document apart
    section TEXT    NOT NULL,                  -- the kind of document
    key     TEXT    NOT NULL,                  -- JSON array of what tells it from others of its kind
    region  TEXT    NOT NULL,                  -- whose store it lies in; empty for what belongs to no Region
    awaited BOOLEAN NOT NULL                   -- whoever changed it is answered once the copy is there
);
CREATE INDEX catalogue_changes_awaited ON catalogue_changes (seq) WHERE awaited = 1;
CREATE TABLE catalogue_documents (
    -- The version of each document that is in its store.
    section TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    region  TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    PRIMARY KEY (section, key)
);

-- settings
-- +goose StatementBegin
CREATE TRIGGER catalogue_settings_insert AFTER INSERT ON settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('settings', json_array(), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_settings_update AFTER UPDATE ON settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('settings', json_array(), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_settings_delete AFTER DELETE ON settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('settings', json_array(), '', 0);
END;
-- +goose StatementEnd

-- organization
-- +goose StatementBegin
CREATE TRIGGER catalogue_organizations_insert AFTER INSERT ON organizations BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organizations_update AFTER UPDATE ON organizations BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organizations_delete AFTER DELETE ON organizations BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organizational_units_insert AFTER INSERT ON organizational_units BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organizational_units_update AFTER UPDATE ON organizational_units BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organizational_units_delete AFTER DELETE ON organizational_units BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_service_access_insert AFTER INSERT ON organization_service_access BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_service_access_update AFTER UPDATE ON organization_service_access BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_service_access_delete AFTER DELETE ON organization_service_access BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_service_access_periods_insert AFTER INSERT ON organization_service_access_periods BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_service_access_periods_update AFTER UPDATE ON organization_service_access_periods BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_service_access_periods_delete AFTER DELETE ON organization_service_access_periods BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_delegated_administrators_insert AFTER INSERT ON delegated_administrators BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_delegated_administrators_update AFTER UPDATE ON delegated_administrators BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_delegated_administrators_delete AFTER DELETE ON delegated_administrators BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_resource_policies_insert AFTER INSERT ON organization_resource_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_resource_policies_update AFTER UPDATE ON organization_resource_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_resource_policies_delete AFTER DELETE ON organization_resource_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policies_insert AFTER INSERT ON organization_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policies_update AFTER UPDATE ON organization_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policies_delete AFTER DELETE ON organization_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_types_insert AFTER INSERT ON organization_policy_types BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_types_update AFTER UPDATE ON organization_policy_types BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_types_delete AFTER DELETE ON organization_policy_types BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_changes_insert AFTER INSERT ON organization_policy_changes BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_changes_update AFTER UPDATE ON organization_policy_changes BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_changes_delete AFTER DELETE ON organization_policy_changes BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_handshakes_insert AFTER INSERT ON handshakes BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_handshakes_update AFTER UPDATE ON handshakes BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(NEW.organization_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_handshakes_delete AFTER DELETE ON handshakes BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization', json_array(OLD.organization_id), '', 0);
END;
-- +goose StatementEnd

-- organization-resource
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_tags_insert AFTER INSERT ON organization_tags BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization-resource', json_array(NEW.organization_id, NEW.resource_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_tags_update AFTER UPDATE ON organization_tags BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization-resource', json_array(NEW.organization_id, NEW.resource_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_tags_delete AFTER DELETE ON organization_tags BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization-resource', json_array(OLD.organization_id, OLD.resource_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_attachments_insert AFTER INSERT ON organization_policy_attachments BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization-resource', json_array(NEW.organization_id, NEW.target_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_attachments_update AFTER UPDATE ON organization_policy_attachments BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization-resource', json_array(NEW.organization_id, NEW.target_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_organization_policy_attachments_delete AFTER DELETE ON organization_policy_attachments BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('organization-resource', json_array(OLD.organization_id, OLD.target_id), '', 0);
END;
-- +goose StatementEnd

-- account
-- +goose StatementBegin
CREATE TRIGGER catalogue_accounts_insert AFTER INSERT ON accounts BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_accounts_update AFTER UPDATE ON accounts BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_accounts_delete AFTER DELETE ON accounts BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_users_insert AFTER INSERT ON users BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_users_update AFTER UPDATE ON users BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_users_delete AFTER DELETE ON users BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_access_keys_insert AFTER INSERT ON access_keys BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_access_keys_update AFTER UPDATE ON access_keys BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_access_keys_delete AFTER DELETE ON access_keys BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_groups_insert AFTER INSERT ON user_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_groups_update AFTER UPDATE ON user_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_groups_delete AFTER DELETE ON user_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_group_members_insert AFTER INSERT ON user_group_members BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_group_members_update AFTER UPDATE ON user_group_members BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_group_members_delete AFTER DELETE ON user_group_members BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_roles_insert AFTER INSERT ON roles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_roles_update AFTER UPDATE ON roles WHEN NEW.last_used_at IS OLD.last_used_at BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_roles_delete AFTER DELETE ON roles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policies_insert AFTER INSERT ON policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policies_update AFTER UPDATE ON policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policies_delete AFTER DELETE ON policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policy_versions_insert AFTER INSERT ON policy_versions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited)
        SELECT 'account', json_array(account_id), '', 0 FROM policies WHERE arn = NEW.policy_arn;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policy_versions_update AFTER UPDATE ON policy_versions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited)
        SELECT 'account', json_array(account_id), '', 0 FROM policies WHERE arn = NEW.policy_arn;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policy_versions_delete AFTER DELETE ON policy_versions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited)
        SELECT 'account', json_array(account_id), '', 0 FROM policies WHERE arn = OLD.policy_arn;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policy_attachments_insert AFTER INSERT ON policy_attachments BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policy_attachments_update AFTER UPDATE ON policy_attachments BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_policy_attachments_delete AFTER DELETE ON policy_attachments BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_inline_policies_insert AFTER INSERT ON inline_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_inline_policies_update AFTER UPDATE ON inline_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_inline_policies_delete AFTER DELETE ON inline_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_instance_profiles_insert AFTER INSERT ON instance_profiles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_instance_profiles_update AFTER UPDATE ON instance_profiles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_instance_profiles_delete AFTER DELETE ON instance_profiles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_login_profiles_insert AFTER INSERT ON login_profiles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_login_profiles_update AFTER UPDATE ON login_profiles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_login_profiles_delete AFTER DELETE ON login_profiles BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_password_policies_insert AFTER INSERT ON password_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_password_policies_update AFTER UPDATE ON password_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_password_policies_delete AFTER DELETE ON password_policies BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_account_aliases_insert AFTER INSERT ON account_aliases BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_account_aliases_update AFTER UPDATE ON account_aliases BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_account_aliases_delete AFTER DELETE ON account_aliases BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_mfa_devices_insert AFTER INSERT ON mfa_devices BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_mfa_devices_update AFTER UPDATE ON mfa_devices BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_mfa_devices_delete AFTER DELETE ON mfa_devices BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_credentials_insert AFTER INSERT ON user_credentials BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_credentials_update AFTER UPDATE ON user_credentials BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_user_credentials_delete AFTER DELETE ON user_credentials BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_settings_insert AFTER INSERT ON backup_settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_settings_update AFTER UPDATE ON backup_settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_settings_delete AFTER DELETE ON backup_settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_volume_settings_insert AFTER INSERT ON volume_settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_volume_settings_update AFTER UPDATE ON volume_settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_volume_settings_delete AFTER DELETE ON volume_settings BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_parameter_groups_insert AFTER INSERT ON db_parameter_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_parameter_groups_update AFTER UPDATE ON db_parameter_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_parameter_groups_delete AFTER DELETE ON db_parameter_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_subnet_groups_insert AFTER INSERT ON db_subnet_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_subnet_groups_update AFTER UPDATE ON db_subnet_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_subnet_groups_delete AFTER DELETE ON db_subnet_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_option_groups_insert AFTER INSERT ON option_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_option_groups_update AFTER UPDATE ON option_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(NEW.account_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_option_groups_delete AFTER DELETE ON option_groups BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('account', json_array(OLD.account_id), '', 0);
END;
-- +goose StatementEnd

-- key
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_keys_insert AFTER INSERT ON kms_keys BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(NEW.id, NEW.region), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_keys_update AFTER UPDATE ON kms_keys BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(NEW.id, NEW.region), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_keys_delete AFTER DELETE ON kms_keys BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(OLD.id, OLD.region), OLD.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_key_materials_insert AFTER INSERT ON kms_key_materials BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(NEW.key_id, NEW.region), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_key_materials_update AFTER UPDATE ON kms_key_materials BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(NEW.key_id, NEW.region), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_key_materials_delete AFTER DELETE ON kms_key_materials BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(OLD.key_id, OLD.region), OLD.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_aliases_insert AFTER INSERT ON kms_aliases BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(NEW.key_id, NEW.region), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_aliases_update AFTER UPDATE ON kms_aliases BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(NEW.key_id, NEW.region), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_aliases_delete AFTER DELETE ON kms_aliases BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('key', json_array(OLD.key_id, OLD.region), OLD.region, 1);
END;
-- +goose StatementEnd

-- grants
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_grants_insert AFTER INSERT ON kms_grants BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('grants', json_array(NEW.key_id, NEW.region), NEW.region, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_grants_update AFTER UPDATE ON kms_grants BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('grants', json_array(NEW.key_id, NEW.region), NEW.region, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_kms_grants_delete AFTER DELETE ON kms_grants BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('grants', json_array(OLD.key_id, OLD.region), OLD.region, 0);
END;
-- +goose StatementEnd

-- vault
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_vaults_insert AFTER INSERT ON backup_vaults BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('vault', json_array(NEW.arn), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_vaults_update AFTER UPDATE ON backup_vaults BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('vault', json_array(NEW.arn), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_vaults_delete AFTER DELETE ON backup_vaults BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('vault', json_array(OLD.arn), OLD.region, 1);
END;
-- +goose StatementEnd

-- plan
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_plans_insert AFTER INSERT ON backup_plans BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_plans_update AFTER UPDATE ON backup_plans BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_plans_delete AFTER DELETE ON backup_plans BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(OLD.id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_plan_versions_insert AFTER INSERT ON backup_plan_versions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_plan_versions_update AFTER UPDATE ON backup_plan_versions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_plan_versions_delete AFTER DELETE ON backup_plan_versions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(OLD.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_rule_schedules_insert AFTER INSERT ON backup_rule_schedules BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_rule_schedules_update AFTER UPDATE ON backup_rule_schedules BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_rule_schedules_delete AFTER DELETE ON backup_rule_schedules BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(OLD.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_selections_insert AFTER INSERT ON backup_selections BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_selections_update AFTER UPDATE ON backup_selections BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(NEW.plan_id), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_backup_selections_delete AFTER DELETE ON backup_selections BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('plan', json_array(OLD.plan_id), '', 0);
END;
-- +goose StatementEnd

-- point
-- +goose StatementBegin
CREATE TRIGGER catalogue_recovery_points_insert AFTER INSERT ON recovery_points BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('point', json_array(NEW.arn), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_recovery_points_update AFTER UPDATE ON recovery_points BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('point', json_array(NEW.arn), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_recovery_points_delete AFTER DELETE ON recovery_points BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('point', json_array(OLD.arn), OLD.region, 1);
END;
-- +goose StatementEnd

-- hold
-- +goose StatementBegin
CREATE TRIGGER catalogue_legal_holds_insert AFTER INSERT ON legal_holds BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('hold', json_array(NEW.id), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_legal_holds_update AFTER UPDATE ON legal_holds BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('hold', json_array(NEW.id), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_legal_holds_delete AFTER DELETE ON legal_holds BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('hold', json_array(OLD.id), OLD.region, 1);
END;
-- +goose StatementEnd

-- snapshot
-- +goose StatementBegin
CREATE TRIGGER catalogue_snapshots_insert AFTER INSERT ON snapshots BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('snapshot', json_array(NEW.id), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_snapshots_update AFTER UPDATE ON snapshots WHEN NEW.progress IS OLD.progress OR NEW.state IS NOT OLD.state BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('snapshot', json_array(NEW.id), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_snapshots_delete AFTER DELETE ON snapshots BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('snapshot', json_array(OLD.id), OLD.region, 1);
END;
-- +goose StatementEnd

-- db-snapshot
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_snapshots_insert AFTER INSERT ON db_snapshots BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('db-snapshot', json_array(NEW.kind, NEW.account_id, NEW.region, NEW.id), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_snapshots_update AFTER UPDATE ON db_snapshots WHEN NEW.progress IS OLD.progress OR NEW.status IS NOT OLD.status BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('db-snapshot', json_array(NEW.kind, NEW.account_id, NEW.region, NEW.id), NEW.region, 1);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_db_snapshots_delete AFTER DELETE ON db_snapshots BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('db-snapshot', json_array(OLD.kind, OLD.account_id, OLD.region, OLD.id), OLD.region, 1);
END;
-- +goose StatementEnd

-- topic
-- +goose StatementBegin
CREATE TRIGGER catalogue_sns_topics_insert AFTER INSERT ON sns_topics BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('topic', json_array(NEW.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_sns_topics_update AFTER UPDATE ON sns_topics BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('topic', json_array(NEW.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_sns_topics_delete AFTER DELETE ON sns_topics BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('topic', json_array(OLD.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_sns_subscriptions_insert AFTER INSERT ON sns_subscriptions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('topic', json_array(NEW.topic_arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_sns_subscriptions_update AFTER UPDATE ON sns_subscriptions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('topic', json_array(NEW.topic_arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_sns_subscriptions_delete AFTER DELETE ON sns_subscriptions BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('topic', json_array(OLD.topic_arn), '', 0);
END;
-- +goose StatementEnd

-- bus
-- +goose StatementBegin
CREATE TRIGGER catalogue_event_buses_insert AFTER INSERT ON event_buses BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('bus', json_array(NEW.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_event_buses_update AFTER UPDATE ON event_buses BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('bus', json_array(NEW.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_event_buses_delete AFTER DELETE ON event_buses BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('bus', json_array(OLD.arn), '', 0);
END;
-- +goose StatementEnd

-- rule
-- +goose StatementBegin
CREATE TRIGGER catalogue_event_rules_insert AFTER INSERT ON event_rules BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('rule', json_array(NEW.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_event_rules_update AFTER UPDATE ON event_rules BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('rule', json_array(NEW.arn), '', 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER catalogue_event_rules_delete AFTER DELETE ON event_rules BEGIN
    INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ('rule', json_array(OLD.arn), '', 0);
END;
-- +goose StatementEnd

-- What is there already.
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT DISTINCT 'settings', json_array(), '', 0 FROM settings;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'organization', json_array(id), '', 0 FROM organizations;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT DISTINCT 'organization-resource', json_array(organization_id, resource_id), '', 0 FROM organization_tags;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'account', json_array(id), '', 0 FROM accounts;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'key', json_array(id, region), region, 0 FROM kms_keys;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT DISTINCT 'grants', json_array(key_id, region), region, 0 FROM kms_grants;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'vault', json_array(arn), region, 0 FROM backup_vaults;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'plan', json_array(id), '', 0 FROM backup_plans;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'point', json_array(arn), region, 0 FROM recovery_points;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'hold', json_array(id), region, 0 FROM legal_holds;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'snapshot', json_array(id), region, 0 FROM snapshots;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'db-snapshot', json_array(kind, account_id, region, id), region, 0 FROM db_snapshots;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'topic', json_array(arn), '', 0 FROM sns_topics;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'bus', json_array(arn), '', 0 FROM event_buses;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT 'rule', json_array(arn), '', 0 FROM event_rules;
INSERT INTO catalogue_changes (section, key, region, awaited) SELECT DISTINCT 'organization-resource', json_array(organization_id, target_id), '', 0 FROM organization_policy_attachments;
