package logs

import (
	"context"
	"errors"
	"strings"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// groupARN is the ARN of a group as tags and identifiers name it. Policies see it with ":log-stream:" and the stream behind.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
func groupARN(accountID, region, name string) string {
	return arn.New("logs", region, accountID, "log-group:"+name).String()
}

func arnOf(g state.LogGroup) string { return groupARN(g.AccountID, g.Region, g.Name) }

func streamARN(g state.LogGroup, stream string) string { return arnOf(g) + ":log-stream:" + stream }

// groupAccess asks the policies for an action on a group, or on one of its streams.
func groupAccess(g state.LogGroup, action, stream string) api.Access {
	return api.Access{Action: "logs:" + action, Resource: streamARN(g, stream), ResourceAccountID: g.AccountID, Context: api.WithResourceTags(nil, g.Tags)}
}

// nameOf is the group that an input names by LogGroupName or LogGroupIdentifier.
func nameOf(c *api.Caller, in any) (string, error) {
	name, identifier := api.Field(in, "LogGroupName"), api.Field(in, "LogGroupIdentifier")
	switch {
	case name != "" && identifier != "":
		return "", invalid("Exactly one of logGroupName or logGroupIdentifier must be specified.")
	case name != "":
		return name, nil
	case identifier == "":
		return "", invalid("Exactly one of logGroupName or logGroupIdentifier must be specified.")
	case !strings.HasPrefix(identifier, "arn:"):
		return identifier, nil
	}
	return nameIn(c, identifier)
}

// nameIn is the group that an ARN names, with or without ":*" behind. It must be the caller's.
func nameIn(c *api.Caller, resource string) (string, error) {
	a, err := arn.Parse(resource)
	name, ok := strings.CutPrefix(a.Resource, "log-group:")
	if name = strings.TrimSuffix(name, ":*"); err != nil || !ok || a.Service != "logs" || strings.Contains(name, ":") {
		return "", invalid("The ARN %s does not name a log group.", resource)
	}
	if a.AccountID != c.AccountID || a.Region != c.Region {
		return "", noGroup()
	}
	return name, nil
}

// group finds the group that an input names.
func (s *Service) group(ctx context.Context, c *api.Caller, in any) (g state.LogGroup, err error) {
	name, err := nameOf(c, in)
	if err != nil {
		return g, err
	}
	return s.groupNamed(ctx, c, name)
}

func (s *Service) groupNamed(ctx context.Context, c *api.Caller, name string) (g state.LogGroup, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		g, err = tx.LogGroup(ctx, c.AccountID, c.Region, name)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return g, noGroup()
	}
	return g, err
}

// stream finds a group and the stream of it that an input names.
func (s *Service) stream(ctx context.Context, c *api.Caller, in any) (g state.LogGroup, stream state.LogStream, err error) {
	if g, err = s.group(ctx, c, in); err != nil {
		return g, stream, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		stream, err = tx.LogStream(ctx, g.ID, api.Field(in, "LogStreamName"))
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return g, stream, noStream()
	}
	return g, stream, err
}

// groupRow makes an operation on the group that the input names. Whether there is one, only those learn who may ask: the
// condition keys of one that is not there are those of no tags.
func groupRow[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return rowOn(s, action, fn, func(*In) string { return "" })
}

// streamRow makes an operation on the stream that the input names.
func streamRow[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return rowOn(s, action, fn, func(in *In) string { return api.Field(in, "LogStreamName") })
}

func rowOn[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error), stream func(*In) string) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		name, err := nameOf(c, in)
		if err != nil {
			return nil, err
		}
		g, err := s.asked(ctx, c, name)
		return []api.Access{groupAccess(g, action, stream(in))}, err
	})
}

// asked is a group for the policies to see: as it is, or if it is not there, by its name alone.
func (s *Service) asked(ctx context.Context, c *api.Caller, name string) (state.LogGroup, error) {
	g, err := s.groupNamed(ctx, c, name)
	if api.Code(err) == "ResourceNotFoundException" {
		return state.LogGroup{AccountID: c.AccountID, Region: c.Region, Name: name}, nil
	}
	return g, err
}
