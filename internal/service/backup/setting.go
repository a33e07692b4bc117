package backup

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// globalSettings are the settings of an organization, all of which are "true" or "false" and off at first.
var globalSettings = []string{"isCrossAccountBackupEnabled", "isDelegatedAdministratorEnabled", "isMpaEnabled"}

// setting reads one map of settings; an empty one if it was never set.
func setting(ctx context.Context, tx *state.Tx, accountID, region, kind string) (state.BackupSetting, error) {
	found, err := tx.BackupSetting(ctx, accountID, region, kind)
	if errors.Is(err, state.ErrNotFound) {
		return state.BackupSetting{AccountID: accountID, Region: region, Kind: kind, Value: map[string]string{}}, nil
	}
	return found, err
}

// DescribeGlobalSettings tells the settings of the caller's organization.
func (s *Service) DescribeGlobalSettings(ctx context.Context, c *api.Caller, _ *backup.DescribeGlobalSettingsInput) (*backup.DescribeGlobalSettingsOutput, error) {
	organization, err := s.OrganizationOf(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	if organization.ID == "" {
		// https://github.com/cloudquery/cq-provider-aws/issues/817
		return nil, coded(invalidRequest("Your account is not a member of an organization."), "ERROR_9601", "")
	}
	out := &backup.DescribeGlobalSettingsOutput{GlobalSettings: map[string]string{}}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := setting(ctx, tx, organization.ManagementAccountID, "", state.SettingGlobal)
		for _, name := range globalSettings {
			out.GlobalSettings[name] = "false"
		}
		maps.Copy(out.GlobalSettings, found.Value)
		out.LastUpdateTime = found.UpdatedAt.Ptr()
		return err
	})
}

// UpdateGlobalSettings changes the organization's settings, which its management account alone may.
func (s *Service) UpdateGlobalSettings(ctx context.Context, c *api.Caller, in *backup.UpdateGlobalSettingsInput) (*backup.UpdateGlobalSettingsOutput, error) {
	for name, value := range in.GlobalSettings {
		switch {
		case !slices.Contains(globalSettings, name):
			return nil, invalid("Invalid GlobalSettings: unknown setting %s.", name)
		case value != "true" && value != "false":
			return nil, invalid("Invalid GlobalSettings: %s must be true or false.", name)
		case value == "true" && name == "isMpaEnabled":
			return nil, api.NotImplemented("backup:UpdateGlobalSettings with isMpaEnabled")
		}
	}
	organization, err := s.OrganizationOf(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	if organization.ID == "" || organization.ManagementAccountID != c.AccountID {
		return nil, invalidRequest("Global settings can be updated only from the management account of an organization.")
	}
	if err := s.serviceRoleFor(ctx, c, organization, in.GlobalSettings); err != nil {
		return nil, err
	}
	if err := s.takeTrustedAccess(ctx, c, organization, in.GlobalSettings); err != nil {
		return nil, err
	}
	return &backup.UpdateGlobalSettingsOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := setting(ctx, tx, c.AccountID, "", state.SettingGlobal)
		if err != nil {
			return err
		}
		maps.Copy(found.Value, in.GlobalSettings)
		found.UpdatedAt = tx.Now
		return tx.PutBackupSetting(ctx, found)
	})
}

// serviceRoleFor makes AWSServiceRoleForBackup for the settings that are turned on: cross-account backup if the caller may
// make it, and delegated administrators only if so, since the role is what follows them. Those take trusted access, too; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/manage-cross-account.html#prereqs and
// https://docs.aws.amazon.com/aws-backup/latest/devguide/using-service-linked-roles-AWSServiceRoleForBackup.html
func (s *Service) serviceRoleFor(ctx context.Context, c *api.Caller, organization Organization, settings map[string]string) error {
	switch {
	case settings["isDelegatedAdministratorEnabled"] == "true" && !organization.TrustedAccess:
		return invalidRequest("isDelegatedAdministratorEnabled needs trusted access of %s to the organization.", principal)
	case settings["isDelegatedAdministratorEnabled"] == "true":
		return s.makeServiceRole(ctx, c)
	case settings["isCrossAccountBackupEnabled"] == "true":
		return s.offerServiceRole(ctx, c)
	}
	return nil
}

// managed are the resource types whose management by AWS Backup can be chosen.
var managed = []string{"DynamoDB", "EFS"}

// DescribeRegionSettings tells which resource types the caller has opted in to in the Region; all are, at first.
func (s *Service) DescribeRegionSettings(ctx context.Context, c *api.Caller, _ *backup.DescribeRegionSettingsInput) (*backup.DescribeRegionSettingsOutput, error) {
	out := &backup.DescribeRegionSettingsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if out.ResourceTypeOptInPreference, err = preferences(ctx, tx, c, state.SettingOptIn, rules.ResourceTypes()); err != nil {
			return err
		}
		out.ResourceTypeManagementPreference, err = preferences(ctx, tx, c, state.SettingManagement, managed)
		return err
	})
}

func preferences(ctx context.Context, tx *state.Tx, c *api.Caller, kind string, names []string) (map[string]bool, error) {
	found, err := setting(ctx, tx, c.AccountID, c.Region, kind)
	shown := map[string]bool{}
	for _, name := range names {
		shown[name] = found.Value[name] != "false"
	}
	return shown, err
}

// optedIn refuses a backup on demand of a type that the caller's account has opted out of in the Region; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DescribeRegionSettings.html.
func optedIn(ctx context.Context, tx *state.Tx, c *api.Caller, resourceType string) error {
	preferred, err := preferences(ctx, tx, c, state.SettingOptIn, []string{resourceType})
	if err == nil && !preferred[resourceType] {
		return invalidRequest("The account has not opted in to protect resources of type %s in Region %s.", resourceType, c.Region)
	}
	return err
}

func (s *Service) updateRegionSettingsAccess(context.Context, *api.Caller, *backup.UpdateRegionSettingsInput) ([]api.Access, error) {
	return []api.Access{{Action: "backup:UpdateRegionSettings", Resource: "*"}, {Action: "backup:DescribeRegionSettings", Resource: "*"}}, nil
}

// UpdateRegionSettings changes the opt-in settings of the caller's account in the Region.
func (s *Service) UpdateRegionSettings(ctx context.Context, c *api.Caller, in *backup.UpdateRegionSettingsInput) (*backup.UpdateRegionSettingsOutput, error) {
	changes := []struct {
		kind, field string
		names       []string
		values      map[string]bool
	}{
		{state.SettingOptIn, "ResourceTypeOptInPreference", rules.ResourceTypes(), in.ResourceTypeOptInPreference},
		{state.SettingManagement, "ResourceTypeManagementPreference", managed, in.ResourceTypeManagementPreference},
	}
	for _, change := range changes {
		for name := range change.values {
			if !slices.Contains(change.names, name) {
				return nil, invalid("Invalid %s: unknown resource type %s.", change.field, name)
			}
		}
	}
	return &backup.UpdateRegionSettingsOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, change := range changes {
			if len(change.values) == 0 {
				continue
			}
			found, err := setting(ctx, tx, c.AccountID, c.Region, change.kind)
			if err != nil {
				return err
			}
			for name, on := range change.values {
				found.Value[name] = map[bool]string{true: "true", false: "false"}[on]
			}
			found.UpdatedAt = tx.Now
			if err := tx.PutBackupSetting(ctx, found); err != nil {
				return err
			}
		}
		if len(in.ResourceTypeOptInPreference)+len(in.ResourceTypeManagementPreference) == 0 {
			return nil
		}
		return s.PutEvent.RegionSettings(ctx, tx, c.AccountID, c.Region, in.ResourceTypeOptInPreference, in.ResourceTypeManagementPreference)
	})
}
