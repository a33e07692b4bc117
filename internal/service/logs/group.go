package logs

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

func (s *Service) createGroupAccess(_ context.Context, c *api.Caller, in *cloudwatchlogs.CreateLogGroupInput) ([]api.Access, error) {
	g := state.LogGroup{AccountID: c.AccountID, Region: c.Region, Name: *in.LogGroupName}
	a := groupAccess(g, "CreateLogGroup", "")
	a.Context = api.WithRequestTags(nil, in.Tags)
	if len(in.Tags) == 0 {
		return []api.Access{a}, nil
	}
	return []api.Access{a, {Action: "logs:TagResource", Resource: arnOf(g), Context: api.WithRequestTags(nil, in.Tags)}}, nil
}

// CreateLogGroup makes a group.
func (s *Service) CreateLogGroup(ctx context.Context, c *api.Caller, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	if in.KmsKeyId != nil {
		return nil, api.NotImplemented("logs: encryption of log groups with KMS keys")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	class := string(in.LogGroupClass)
	if class == "" {
		class = string(types.LogGroupClassStandard)
	} else if !slices.Contains(in.LogGroupClass.Values(), in.LogGroupClass) {
		return nil, invalid("The log group class %s is not valid.", class)
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertLogGroup(ctx, state.LogGroup{
			AccountID: c.AccountID, Region: c.Region, Name: *in.LogGroupName, Class: class, Tags: in.Tags,
			Protected: aws.ToBool(in.DeletionProtectionEnabled), CreatedAt: tx.Now.Millis(),
		})
	})
	if errors.Is(err, state.ErrExists) {
		return nil, api.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	return &cloudwatchlogs.CreateLogGroupOutput{}, err
}

// change writes what fn makes of a group's row as it is now.
func (s *Service) change(ctx context.Context, c *api.Caller, name string, fn func(ctx context.Context, tx *state.Tx, g *state.LogGroup) error) error {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		g, err := tx.LogGroup(ctx, c.AccountID, c.Region, name)
		if err != nil {
			return err
		}
		if err := fn(ctx, tx, &g); err != nil {
			return err
		}
		return tx.UpdateLogGroup(ctx, g)
	})
	if errors.Is(err, state.ErrNotFound) {
		return noGroup()
	}
	return err
}

// DeleteLogGroup removes a group with all its streams and events.
func (s *Service) DeleteLogGroup(ctx context.Context, c *api.Caller, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	g, err := s.group(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if g.Protected {
		return nil, api.Errorf("ValidationException", "The log group %s has deletion protection enabled.", g.Name)
	}
	// The events go piece by piece, so that nobody waits for the removal of a large group.
	for {
		var n int64
		err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			if n, err = tx.DeleteLogChunks(ctx, g.ID, state.MillisOf(endOfTime), chunksAtOnce); err != nil || n > 0 {
				return err
			}
			return tx.DeleteLogGroup(ctx, g.ID)
		})
		switch {
		case errors.Is(err, state.ErrNotFound):
			return nil, noGroup()
		case err != nil:
			return nil, err
		case n == 0:
			return &cloudwatchlogs.DeleteLogGroupOutput{}, nil
		}
	}
}

// PutLogGroupDeletionProtection says whether a group may be deleted.
func (s *Service) PutLogGroupDeletionProtection(ctx context.Context, c *api.Caller, in *cloudwatchlogs.PutLogGroupDeletionProtectionInput) (*cloudwatchlogs.PutLogGroupDeletionProtectionOutput, error) {
	name, err := nameOf(c, in)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.PutLogGroupDeletionProtectionOutput{}, s.change(ctx, c, name, func(_ context.Context, _ *state.Tx, g *state.LogGroup) error {
		g.Protected = *in.DeletionProtectionEnabled
		return nil
	})
}

const groupsPage = 50

// groupsOf lists a page of the caller's groups.
func (s *Service) groupsOf(ctx context.Context, c *api.Caller, operation string, prefix, part, token *string, limit *int32) (all []state.LogGroup, next *string, err error) {
	scope := "logs:" + operation + ":" + c.AccountID + ":" + c.Region + ":" + aws.ToString(prefix) + ":" + aws.ToString(part)
	after, err := s.Pages.After(scope, token, "InvalidParameterException")
	if err != nil {
		return nil, nil, err
	}
	size := groupsPage
	if limit != nil {
		size = int(*limit)
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err = tx.LogGroups(ctx, c.AccountID, c.Region, aws.ToString(prefix), aws.ToString(part), after, size+1)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	all, last := page.Cut(all, size, func(g state.LogGroup) string { return g.Name })
	return all, s.Pages.Next(scope, last), nil
}

// DescribeLogGroups lists groups by name.
func (s *Service) DescribeLogGroups(ctx context.Context, c *api.Caller, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	switch {
	case in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil:
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	case aws.ToBool(in.IncludeLinkedAccounts) || len(in.AccountIdentifiers) > 0 || len(in.LogGroupIdentifiers) > 0:
		return nil, api.NotImplemented("logs: DescribeLogGroups of linked accounts and by identifiers")
	}
	all, next, err := s.groupsOf(ctx, c, "DescribeLogGroups", in.LogGroupNamePrefix, in.LogGroupNamePattern, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}, NextToken: next}
	for _, g := range all {
		if in.LogGroupClass != "" && string(in.LogGroupClass) != g.Class {
			continue
		}
		told := types.LogGroup{
			Arn: aws.String(arnOf(g) + ":*"), LogGroupArn: aws.String(arnOf(g)), LogGroupName: &g.Name, CreationTime: new(int64(g.CreatedAt)), StoredBytes: &g.StoredBytes,
			MetricFilterCount: aws.Int32(0), LogGroupClass: types.LogGroupClass(g.Class), DeletionProtectionEnabled: &g.Protected,
		}
		if g.RetentionDays > 0 {
			told.RetentionInDays = new(int32(g.RetentionDays)) //nolint:gosec // one of the allowed numbers
		}
		out.LogGroups = append(out.LogGroups, told)
	}
	return out, nil
}

// ListLogGroups lists groups by name.
func (s *Service) ListLogGroups(ctx context.Context, c *api.Caller, in *cloudwatchlogs.ListLogGroupsInput) (*cloudwatchlogs.ListLogGroupsOutput, error) {
	if aws.ToBool(in.IncludeLinkedAccounts) || len(in.AccountIdentifiers) > 0 || len(in.DataSources) > 0 || len(in.FieldIndexNames) > 0 {
		return nil, api.NotImplemented("logs: ListLogGroups by account, data source or index")
	}
	all, next, err := s.groupsOf(ctx, c, "ListLogGroups", nil, in.LogGroupNamePattern, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.ListLogGroupsOutput{LogGroups: []types.LogGroupSummary{}, NextToken: next}
	for _, g := range all {
		if in.LogGroupClass == "" || string(in.LogGroupClass) == g.Class {
			out.LogGroups = append(out.LogGroups, types.LogGroupSummary{LogGroupName: &g.Name, LogGroupArn: aws.String(arnOf(g)), LogGroupClass: types.LogGroupClass(g.Class)})
		}
	}
	return out, nil
}
