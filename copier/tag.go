package copier

import (
	"context"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Snapshots is what the copier asks of RDS: the tags of snapshots. Those of databases that AWS Backup does not manage fully, which
// RDS, Aurora, DocumentDB and Neptune are, it does not tell itself: its ListTags answers for ARNs that begin with arn:aws:backup.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListTags.html [rds.Client] fits it.
type Snapshots interface {
	ListTagsForResource(context.Context, *rds.ListTagsForResourceInput, ...func(*rds.Options)) (*rds.ListTagsForResourceOutput, error)
	AddTagsToResource(context.Context, *rds.AddTagsToResourceInput, ...func(*rds.Options)) (*rds.AddTagsToResourceOutput, error)
}

var _ Snapshots = (*rds.Client)(nil)

// ofRDS reports whether a recovery point is a snapshot of RDS or a neighbour that shares its API.
func ofRDS(pointARN string) bool { return strings.Contains(pointARN, ":rds:") }

// tags reads the tags of a recovery point, none where nobody tells them: who may not list tags is refused before ListTags says that it
// does not know the ARN.
func (c *Copier) tags(ctx context.Context, region, pointARN string) (map[string]string, error) {
	tags := map[string]string{}
	if ofRDS(pointARN) {
		out, err := c.Snapshots(region).ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: &pointARN})
		if err != nil {
			return nil, during("ListTagsForResource", err)
		}
		for _, t := range out.TagList {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		return tags, nil
	}
	if !strings.Contains(pointARN, ":backup:") {
		c.Log.WarnContext(ctx, "AWS Backup does not tell the tags of such a recovery point", slog.String("recoveryPoint", pointARN))
		return nil, nil
	}
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

// setTags adds tags to a recovery point.
func (c *Copier) setTags(ctx context.Context, region, pointARN string, tags map[string]string) error {
	if !ofRDS(pointARN) {
		if _, err := c.Backup(region).TagResource(ctx, &backup.TagResourceInput{ResourceArn: &pointARN, Tags: tags}); err != nil {
			return during("TagResource", err)
		}
		return nil
	}
	var list []rdstypes.Tag
	for key, value := range tags {
		list = append(list, rdstypes.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	if _, err := c.Snapshots(region).AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &pointARN, Tags: list}); err != nil {
		return during("AddTagsToResource", err)
	}
	return nil
}

// carryTags gives a final copy those of the intermediate one's tags that are asked for and that it lacks. AWS Backup brings
// tags along by itself; what somebody put on the intermediate copy in the meantime, or what a native copy dropped, it does not.
func (c *Copier) carryTags(ctx context.Context, vault Vault, pointARN string, final Vault, copyARN string) error {
	if len(c.Config.Tags) == 0 || copyARN == "" {
		return nil
	}
	have, err := c.tags(ctx, vault.Region, pointARN)
	if gone(err) || err == nil && len(have) == 0 {
		return nil // removed since, or nothing to carry
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
	if err := c.setTags(ctx, final.Region, copyARN, lacking); err != nil {
		return err
	}
	c.Metrics.Count("TagsCarried", final, len(lacking))
	return nil
}
