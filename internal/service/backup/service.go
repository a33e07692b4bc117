package backup

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/clock"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/backupevent"
	"strongroom/internal/page"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// principal is the service's name in policies, grants and roles.
const principal = "backup.amazonaws.com"

// Queue takes what package work does later. Each method enqueues in the transaction that decides the job, so that both
// are there or neither.
type Queue interface {
	EnqueueBackup(ctx context.Context, tx *state.Tx, jobID string) error
	// WakeBackup has a backup job that waits to be tried again look at once at what tx decides.
	WakeBackup(ctx context.Context, tx *state.Tx, jobID string) error
	EnqueueCopy(ctx context.Context, tx *state.Tx, jobID string) error
	EnqueueRestore(ctx context.Context, tx *state.Tx, jobID string) error
	// EnqueueDelete removes a recovery point, whose status is DELETING.
	EnqueueDelete(ctx context.Context, tx *state.Tx, recoveryPointARN string) error
}

// Organization is what the service must know of the organization that an account is in; zero if it is in none.
type Organization struct {
	ID                  string
	ManagementAccountID string
	TrustedAccess       bool // AWS Backup has trusted access to it
	Delegated           bool // the account is a delegated administrator for AWS Backup
}

// Config is what the service needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock
	Door  *api.Door
	Queue Queue
	Pages *page.Sealer
	AsOf  rules.AsOf
	Kinds []resource.Kind
	// EnsureManagedKey makes the AWS managed key of a name such as aws/backup if it is not there, and returns its ARN.
	EnsureManagedKey func(ctx context.Context, accountID, region, name string) (keyARN string, err error)
	// HasServiceLinkedRole reports whether an account has the role of a service, such as AWSServiceRoleForBackup.
	HasServiceLinkedRole func(ctx context.Context, accountID, servicePrincipal string) (bool, error)
	// AssumeForService assumes a role for a service that acts for an account and, as its SourceARN, a resource; the role's
	// trust policy decides.
	AssumeForService func(ctx context.Context, service *api.Caller, roleARN, sessionName string) (*api.Caller, error)
	// UnknownPrincipals are the principals of a vault's policy that do not exist. Nil takes every well-formed name.
	UnknownPrincipals func(ctx context.Context, p *iampolicy.Policy) ([]string, error)
	// MaxVaults is the quota of vaults of an account in a Region; 0 means [rules.MaxVaults].
	MaxVaults      int
	OrganizationOf func(ctx context.Context, accountID string) (Organization, error)
	PutEvent       backupevent.Put // tells EventBridge
	Trail          Trail           // tells CloudTrail of plans that backup policies make; nil tells nobody
	// TellLifecycle tells the owner of a vault that the lifecycle of a recovery point was changed. Nil tells nobody.
	TellLifecycle func(ctx context.Context, tx *state.Tx, point state.RecoveryPoint) error
	Log           *slog.Logger // nil means slog.Default()
}

// Service is AWS Backup in every account and Region. Its methods may be called at once.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{c}
}

// API is the table of the service's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:               "backup",
		EventSource:        "backup.amazonaws.com",
		AccessDenied:       "AccessDeniedException",
		AccessDeniedStatus: http.StatusForbidden,
		Authorization:      authorization,
		Operations: []api.Operation{
			api.Op("", s.CreateBackupVault, s.createVaultAccess),
			api.Op("", s.DescribeBackupVault, s.describeVaultAccess),
			api.Op("", s.ListBackupVaults, anything[backup.ListBackupVaultsInput]("ListBackupVaults")),
			api.Op("", s.DeleteBackupVault, s.deleteVaultAccess),
			api.Op("", s.PutBackupVaultAccessPolicy, s.putVaultPolicyAccess),
			api.Op("", s.GetBackupVaultAccessPolicy, s.getVaultPolicyAccess),
			api.Op("", s.DeleteBackupVaultAccessPolicy, s.deleteVaultPolicyAccess),
			api.Op("", s.PutBackupVaultLockConfiguration, s.putVaultLockAccess),
			api.Op("", s.DeleteBackupVaultLockConfiguration, s.deleteVaultLockAccess),

			api.Op("", s.PutBackupVaultNotifications, s.putNotificationsAccess),
			api.Op("", s.GetBackupVaultNotifications, s.getNotificationsAccess),
			api.Op("", s.DeleteBackupVaultNotifications, s.deleteNotificationsAccess),

			api.Op("", s.CreateBackupPlan, s.createPlanAccess),
			api.Op("", s.GetBackupPlan, s.getPlanAccess),
			api.Op("", s.UpdateBackupPlan, s.updatePlanAccess),
			api.Op("", s.DeleteBackupPlan, s.deletePlanAccess),
			api.Op("", s.ListBackupPlans, anything[backup.ListBackupPlansInput]("ListBackupPlans")),
			api.Op("", s.ListBackupPlanVersions, s.listPlanVersionsAccess),
			api.Op("", s.ExportBackupPlanTemplate, anything[backup.ExportBackupPlanTemplateInput]("ExportBackupPlanTemplate")).AsReadOnly(),
			api.Op("", s.ListBackupPlanTemplates, anything[backup.ListBackupPlanTemplatesInput]("ListBackupPlanTemplates")),
			api.Op("", s.GetBackupPlanFromTemplate, anything[backup.GetBackupPlanFromTemplateInput]("GetBackupPlanFromTemplate")),
			api.Op("", s.GetBackupPlanFromJSON, anything[backup.GetBackupPlanFromJSONInput]("GetBackupPlanFromJSON")),

			api.Op("", s.CreateBackupSelection, s.createSelectionAccess),
			api.Op("", s.GetBackupSelection, s.getSelectionAccess),
			api.Op("", s.DeleteBackupSelection, s.deleteSelectionAccess),
			api.Op("", s.ListBackupSelections, s.listSelectionsAccess),

			api.Op("", s.StartBackupJob, s.startBackupJobAccess),
			api.Op("", s.StopBackupJob, anything[backup.StopBackupJobInput]("StopBackupJob")),
			api.Op("", s.DescribeBackupJob, anything[backup.DescribeBackupJobInput]("DescribeBackupJob")),
			api.Op("", s.ListBackupJobs, anything[backup.ListBackupJobsInput]("ListBackupJobs")),
			api.Op("", s.ListBackupJobSummaries, anything[backup.ListBackupJobSummariesInput]("ListBackupJobSummaries")),

			api.Op("", s.StartCopyJob, s.startCopyJobAccess),
			api.Op("", s.DescribeCopyJob, anything[backup.DescribeCopyJobInput]("DescribeCopyJob")),
			api.Op("", s.ListCopyJobs, anything[backup.ListCopyJobsInput]("ListCopyJobs")),
			api.Op("", s.ListCopyJobSummaries, anything[backup.ListCopyJobSummariesInput]("ListCopyJobSummaries")),

			api.Op("", s.StartRestoreJob, s.startRestoreJobAccess),
			api.Op("", s.DescribeRestoreJob, anything[backup.DescribeRestoreJobInput]("DescribeRestoreJob")),
			api.Op("", s.ListRestoreJobs, anything[backup.ListRestoreJobsInput]("ListRestoreJobs")),
			api.Op("", s.ListRestoreJobsByProtectedResource, anything[backup.ListRestoreJobsByProtectedResourceInput]("ListRestoreJobsByProtectedResource")),
			api.Op("", s.GetRestoreJobMetadata, anything[backup.GetRestoreJobMetadataInput]("GetRestoreJobMetadata")),
			api.Op("", s.PutRestoreValidationResult, anything[backup.PutRestoreValidationResultInput]("PutRestoreValidationResult")),
			api.Op("", s.ListRestoreJobSummaries, anything[backup.ListRestoreJobSummariesInput]("ListRestoreJobSummaries")),

			api.Op("", s.DescribeRecoveryPoint, s.describePointAccess),
			api.Op("", s.ListRecoveryPointsByBackupVault, s.listPointsByVaultAccess),
			api.Op("", s.ListRecoveryPointsByResource, anything[backup.ListRecoveryPointsByResourceInput]("ListRecoveryPointsByResource")),
			api.Op("", s.GetRecoveryPointRestoreMetadata, s.restoreMetadataAccess),
			api.Op("", s.UpdateRecoveryPointLifecycle, s.updatePointLifecycleAccess),
			api.Op("", s.DeleteRecoveryPoint, s.deletePointAccess),
			api.Op("", s.DisassociateRecoveryPoint, s.disassociatePointAccess),
			api.Op("", s.DisassociateRecoveryPointFromParent, s.disassociateFromParentAccess),

			api.Op("", s.CreateLegalHold, s.createHoldAccess),
			api.Op("", s.GetLegalHold, s.getHoldAccess),
			api.Op("", s.ListLegalHolds, anything[backup.ListLegalHoldsInput]("ListLegalHolds")),
			api.Op("", s.CancelLegalHold, s.cancelHoldAccess),
			api.Op("", s.ListRecoveryPointsByLegalHold, s.listPointsByHoldAccess),

			api.Op("", s.ListProtectedResources, anything[backup.ListProtectedResourcesInput]("ListProtectedResources")),
			api.Op("", s.ListProtectedResourcesByBackupVault, s.listProtectedByVaultAccess),
			api.Op("", s.DescribeProtectedResource, anything[backup.DescribeProtectedResourceInput]("DescribeProtectedResource")),

			api.Op("", s.DescribeGlobalSettings, anything[backup.DescribeGlobalSettingsInput]("DescribeGlobalSettings")),
			api.Op("", s.UpdateGlobalSettings, anything[backup.UpdateGlobalSettingsInput]("UpdateGlobalSettings")),
			api.Op("", s.DescribeRegionSettings, anything[backup.DescribeRegionSettingsInput]("DescribeRegionSettings")),
			api.Op("", s.UpdateRegionSettings, s.updateRegionSettingsAccess),
			api.Op("", s.GetSupportedResourceTypes, anything[backup.GetSupportedResourceTypesInput]("GetSupportedResourceTypes")),

			api.Op("", s.TagResource, s.tagResourceAccess),
			api.Op("", s.UntagResource, s.untagResourceAccess),
			api.Op("", s.ListTags, s.listTagsAccess),
		},
	}
}
