package copier

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/backup"
)

// tags reads the tags of a recovery point.
func (c *Copier) tags(ctx context.Context, region, pointARN string) (map[string]string, error) {
	tags := map[string]string{}
	pages := backup.NewListTagsPaginator(c.Backup(region), &backup.ListTagsInput{ResourceArn: &pointARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, during("ListTags", err)
		}
		for key, value := range page.Tags {
			tags[key] = value
		}
	}
	return tags, nil
}

// carryTags gives a final copy those of the intermediate one's tags that are asked for and that it lacks. AWS Backup brings
// tags along by itself; what somebody put on the intermediate copy in the meantime, or what a native copy dropped, it does not.
func (c *Copier) carryTags(ctx context.Context, vault Vault, pointARN string, final Vault, copyARN string) error {
	if len(c.Config.Tags) == 0 || copyARN == "" {
		return nil
	}
	have, err := c.tags(ctx, vault.Region, pointARN)
	if gone(err) {
		return nil // it has been removed since
	}
	if err != nil {
		return err
	}
	there, err := c.tags(ctx, final.Region, copyARN)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	lacking := map[string]string{}
	for key, value := range have {
		if _, has := there[key]; !has && c.Config.carries(key) {
			lacking[key] = value
		}
	}
	if len(lacking) == 0 || c.Config.DryRun {
		return nil
	}
	if _, err := c.Backup(final.Region).TagResource(ctx, &backup.TagResourceInput{ResourceArn: &copyARN, Tags: lacking}); err != nil {
		return during("TagResource", err)
	}
	c.Metrics.Count("TagsCarried", final, len(lacking))
	return nil
}
