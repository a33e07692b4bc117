package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// subject is a user, group or role of the account that an operation asks about by its ARN.
type subject struct {
	kind     state.PrincipalKind
	name, id string
	policies *principal
}

// onARN is a row about what a field of its input names by ARN. What is no user, role or group, nor a policy where the
// action takes one, the operation refuses; nothing is asked for by such a name.
func onARN[In, Out any](s *Service, fn method[In, Out], field string, more ...string) api.Operation {
	return row(s, fn, func(_ context.Context, _ *state.Tx, _ *api.Caller, in any) (resource, error) {
		named, err := arn.Parse(api.Field(in, field))
		kind, name := named.Split()
		if err != nil || named.Service != "iam" || name == "" || kind != "user" && kind != "role" && kind != "group" && !slices.Contains(more, kind) {
			return resource{arn: "*"}, nil
		}
		return resource{arn: api.Field(in, field)}, nil
	})
}

// subject finds who has the ARN, with the policies that it has.
func (s *Service) subject(ctx context.Context, c *api.Caller, name string) (found subject, err error) {
	parsed, err := arn.Parse(name)
	if err != nil || parsed.Service != "iam" {
		return found, invalidInput("ARN %s is not valid.", name)
	}
	if parsed.AccountID != c.AccountID {
		return found, noSuchEntity("The entity with ARN %s cannot be found.", name)
	}
	kind, _ := parsed.Split()
	found = subject{kind: state.PrincipalKind(kind), name: lastSegment(name)}
	known := s.authorizer.cache.current()
	var actual string
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		switch found.kind {
		case state.KindUser:
			user, err := findUser(ctx, tx, c, aws.String(found.name))
			if err != nil {
				return err
			}
			actual, found.id = user.ARN(), user.ID
			found.policies, err = known.load(ctx, tx, &api.Caller{AccountID: c.AccountID, ARN: user.ARN(), UserID: user.ID})
			return err
		case state.KindRole:
			role, err := findRole(ctx, tx, c.AccountID, aws.String(found.name))
			if err != nil {
				return err
			}
			actual, found.id = role.ARN(), role.ID
			found.policies, err = known.load(ctx, tx, &api.Caller{AccountID: c.AccountID, RoleARN: role.ARN(), UserID: role.ID + ":simulated"})
			return err
		case state.KindGroup:
			group, err := findGroup(ctx, tx, c.AccountID, aws.String(found.name))
			if err != nil {
				return err
			}
			actual, found.id, found.policies = group.ARN(), group.ID, &principal{}
			return known.loadHolder(ctx, tx, c.AccountID, state.PolicyHolder{Kind: state.KindGroup, Name: group.Name}, found.policies)
		}
		return invalidInput("ARN %s is not that of a user, group or role.", name)
	})
	if err == nil && actual != name {
		err = noSuchEntity("The entity with ARN %s cannot be found.", name)
	}
	return found, err
}

// inlineSource is how the authorizer calls an inline policy; see [knowledge.loadHolder].
const inlineSource = "inline policy "

// named is what answers call a policy by the name that the authorizer gave it.
func named(source, accountID string) types.Statement {
	if text, inline := strings.CutPrefix(source, inlineSource); inline {
		policy, of, _ := strings.Cut(text, " of ")
		kind, _, _ := strings.Cut(of, " ")
		return types.Statement{SourcePolicyId: aws.String(policy), SourcePolicyType: types.PolicySourceType(kind)}
	}
	kind := types.PolicySourceTypeAwsManaged
	if strings.HasPrefix(source, "arn:aws:iam::"+accountID+":") {
		kind = types.PolicySourceTypeUserManaged
	}
	return types.Statement{SourcePolicyId: aws.String(lastSegment(source)), SourcePolicyType: kind}
}
