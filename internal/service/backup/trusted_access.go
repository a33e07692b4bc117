package backup

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"strongroom/internal/api"
)

// organizationsRegion is where AWS Organizations is called.
const organizationsRegion = "us-east-1"

// takeTrustedAccess enables trusted access for AWS Backup as the caller who turns cross-account backup on, as AWS's page of
// settings does. A caller who may not enable it turns the switch on all the same; then copies between accounts stay refused
// until somebody enables it (docs/decisions/0008-gates.md).
func (s *Service) takeTrustedAccess(ctx context.Context, c *api.Caller, organization Organization, settings map[string]string) error {
	if settings["isCrossAccountBackupEnabled"] != "true" || organization.TrustedAccess {
		return nil
	}
	_, err := api.Call[organizations.EnableAWSServiceAccessOutput](ctx, s.Door, c.Through(principal, organizationsRegion),
		&organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String(principal)})
	if api.Refused(err) != nil {
		return nil
	}
	return err
}
