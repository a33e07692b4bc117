package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func anyResource[In any](action string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "lambda:" + action, Resource: "*"}}, nil
	}
}

// row makes an operation on the function that the input's FunctionName, and its Qualifier if it has one, name.
func row[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		n, err := nameOf(c, api.Field(in, "FunctionName"), api.Field(in, "Qualifier"))
		if err != nil {
			return nil, err
		}
		a, err := s.access(ctx, n, action)
		return []api.Access{a}, err
	})
}

// plain is row for operations on a function as a whole, whose input may have a qualifier in its name only.
func plain[In, Out any](s *Service, action string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		n, err := nameOf(c, api.Field(in, "FunctionName"), "")
		if err != nil {
			return nil, err
		}
		n.qualifier = ""
		a, err := s.access(ctx, n, action)
		return []api.Access{a}, err
	})
}

// access asks the policies for an action on a function, or a version or alias of it. A function that is not there has no
// policy, and who may not ask for it learns nothing of that.
func (s *Service) access(ctx context.Context, n name, action string) (api.Access, error) {
	f, err := s.function(ctx, n)
	if api.Code(err) == "ResourceNotFoundException" {
		f = state.Function{}
	} else if err != nil {
		return api.Access{}, err
	}
	return api.Access{
		Action: "lambda:" + action, Resource: n.qualified(), ResourceAccountID: n.accountID, Context: api.WithResourceTags(nil, f.Tags),
		ResourcePolicies: []api.PolicyDocument{{Name: "function policy of " + n.qualified(), Document: f.Policies[policyKey(n.qualifier)].Document}},
	}, nil
}

// policyKey is where the policy of a qualifier stands: $LATEST has the function's own.
func policyKey(qualifier string) string {
	if qualifier == latest {
		return ""
	}
	return qualifier
}

// passRole is the access that handing a role to the service takes. The role must be one of the function's account,
// whoever asks: a permission of the function's lets others change it, not become it with what they choose.
func passRole(n name, role *string) (api.Access, error) {
	text := aws.ToString(role)
	if !rules.RolePattern.MatchString(text) {
		return api.Access{}, invalid("1 validation error detected: Value '%s' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+", text)
	}
	if parsed, _ := arn.Parse(text); parsed.AccountID != n.accountID {
		return api.Access{}, failure(403, "AccessDeniedException", "Cross-account pass role is not allowed.")
	}
	return api.Access{Action: "iam:PassRole", Resource: text, Context: map[string][]string{"iam:PassedToService": {Principal}}}, nil
}
