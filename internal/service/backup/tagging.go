package backup

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/backup"

	"strongroom/internal/api"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes are the service's types in the tagging API.
func (s *Service) ResourceTypes() []string {
	return []string{"backup:backup-vault", "backup:backup-plan", "backup:legal-hold", "backup:recovery-point"}
}

// List lists what has tags in an account and Region. Recovery points that bear another service's ARN, such as EC2's
// snapshots, are that service's to list.
func (s *Service) List(ctx context.Context, accountID, region string) ([]tagging.Tagged, error) {
	var all []tagging.Tagged
	add := func(arn string, tags map[string]string) {
		if len(tags) > 0 {
			all = append(all, tagging.Tagged{ARN: arn, Tags: tags})
		}
	}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		vaults, err := tx.BackupVaults(ctx, accountID, region)
		if err != nil {
			return err
		}
		for _, v := range vaults {
			add(v.ARN, v.Tags)
		}
		plans, err := tx.BackupPlans(ctx, accountID, region, false, state.Cursor{}, 0)
		if err != nil {
			return err
		}
		for _, p := range plans {
			add(p.ARN, p.Tags)
		}
		holds, err := tx.LegalHolds(ctx, accountID, region, state.Cursor{}, 0)
		if err != nil {
			return err
		}
		for _, h := range holds {
			add(h.ARN, h.Tags)
		}
		points, err := tx.RecoveryPoints(ctx, state.PointFilter{AccountID: accountID, Region: region}, state.Cursor{}, 0)
		for _, p := range points {
			if strings.HasPrefix(p.ARN, "arn:aws:backup:") {
				add(p.ARN, p.Tags)
			}
		}
		return err
	})
	return all, err
}

// Tag adds tags through TagResource.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	_, err := api.Call[backup.TagResourceOutput](ctx, s.Door, c, &backup.TagResourceInput{ResourceArn: &resource, Tags: tags})
	return err
}

// Untag removes tags through UntagResource.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[backup.UntagResourceOutput](ctx, s.Door, c, &backup.UntagResourceInput{ResourceArn: &resource, TagKeyList: keys})
	return err
}
