package lambda

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/uuid"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// statement is one of a function's policy, in the order in which Lambda shows it.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

type document struct {
	Version   string
	ID        string `json:"Id"`
	Statement []statement
}

// maxPolicy is the size of a function's policy.
const maxPolicy = 20 << 10

var (
	accountID        = regexp.MustCompile(`^[0-9]{12}$`)
	servicePrincipal = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com$`)
	principalARN     = regexp.MustCompile(`^arn:aws:(iam|sts)::[0-9]{12}:.+`)
	statementAction  = regexp.MustCompile(`^(\*|lambda:(\*|[a-zA-Z]+))$`)
)

func (s *Service) addPermissionAccess(ctx context.Context, c *api.Caller, in *lambda.AddPermissionInput) ([]api.Access, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	a, err := s.access(ctx, n, "AddPermission")
	if a.Context != nil {
		a.Context["lambda:Principal"] = []string{*in.Principal}
		if in.FunctionUrlAuthType != "" {
			a.Context["lambda:FunctionUrlAuthType"] = []string{string(in.FunctionUrlAuthType)}
		}
	}
	return []api.Access{a}, err
}

func (s *Service) removePermissionAccess(ctx context.Context, c *api.Caller, in *lambda.RemovePermissionInput) ([]api.Access, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	a, err := s.access(ctx, n, "RemovePermission")
	return []api.Access{a}, err
}

// principalOf is the principal of a statement.
func principalOf(text string) (any, error) {
	switch {
	case text == "*":
		return "*", nil
	case accountID.MatchString(text):
		return map[string]string{"AWS": "arn:aws:iam::" + text + ":root"}, nil
	case principalARN.MatchString(text):
		return map[string]string{"AWS": text}, nil
	case servicePrincipal.MatchString(text):
		return map[string]string{"Service": text}, nil
	}
	return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
}

// statementOf is the statement that a call adds.
// https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
func statementOf(n name, in *lambda.AddPermissionInput) (statement, error) {
	principal, err := principalOf(*in.Principal)
	if err != nil {
		return statement{}, err
	}
	if !statementAction.MatchString(*in.Action) {
		return statement{}, invalid("1 validation error detected: Value '%s' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])", *in.Action)
	}
	conditions := map[string]map[string]string{}
	set := func(operator, key string, value *string) {
		if value == nil {
			return
		}
		if conditions[operator] == nil {
			conditions[operator] = map[string]string{}
		}
		conditions[operator][key] = *value
	}
	set("ArnLike", "AWS:SourceArn", in.SourceArn)
	set("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	set("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	set("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	if in.FunctionUrlAuthType != "" {
		set("StringEquals", "lambda:FunctionUrlAuthType", new(string(in.FunctionUrlAuthType)))
	}
	return statement{Sid: *in.StatementId, Effect: "Allow", Principal: principal, Action: *in.Action, Resource: n.qualified(), Condition: conditions}, nil
}

// editPolicy changes the policy of a function, or of a version or alias of it.
func (s *Service) editPolicy(ctx context.Context, n name, revision *string, fn func(d *document) error) error {
	return s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		if err := exists(ctx, tx, n); err != nil {
			return err
		}
		key := policyKey(n.qualifier)
		before := f.Policies[key]
		if revision != nil && *revision != before.RevisionID {
			return stale()
		}
		d := document{Version: "2012-10-17", ID: "default"}
		if before.Document != "" {
			if err := json.Unmarshal([]byte(before.Document), &d); err != nil {
				return err
			}
		}
		if err := fn(&d); err != nil {
			return err
		}
		if f.Policies == nil {
			f.Policies = map[string]state.FunctionPolicy{}
		}
		if len(d.Statement) == 0 {
			delete(f.Policies, key)
			return nil
		}
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if len(text) > maxPolicy {
			return failure(400, "PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy)
		}
		if err := checkPolicy(text); err != nil {
			return err
		}
		f.Policies[key] = state.FunctionPolicy{Document: string(text), RevisionID: uuid.NewString()}
		return nil
	})
}

func checkPolicy(text []byte) error {
	policy, err := iampolicy.Parse(text)
	if err == nil {
		err = iampolicy.Validate(policy, iampolicy.Resource)
	}
	if err != nil {
		e := invalid("The policy would not be valid: %s", iampolicy.MalformedMessage(err))
		e.Err = err
		return e
	}
	return nil
}

// AddPermission lets a service, an account or a principal use a function.
func (s *Service) AddPermission(ctx context.Context, c *api.Caller, in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	if in.InvokedViaFunctionUrl != nil {
		return nil, api.NotImplemented("lambda: URLs of functions")
	}
	if n.qualifier == latest {
		return nil, invalid("We currently do not support adding policies for $LATEST.")
	}
	added, err := statementOf(n, in)
	if err != nil {
		return nil, err
	}
	err = s.editPolicy(ctx, n, in.RevisionId, func(d *document) error {
		if slices.ContainsFunc(d.Statement, func(other statement) bool { return other.Sid == added.Sid }) {
			return conflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", added.Sid)
		}
		d.Statement = append(d.Statement, added)
		return nil
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(added)
	if err != nil {
		return nil, err
	}
	return &lambda.AddPermissionOutput{Statement: aws.String(string(text))}, nil
}

// RemovePermission takes a statement of the policy away.
func (s *Service) RemovePermission(ctx context.Context, c *api.Caller, in *lambda.RemovePermissionInput) (*lambda.RemovePermissionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	return &lambda.RemovePermissionOutput{}, s.editPolicy(ctx, n, in.RevisionId, func(d *document) error {
		left := slices.DeleteFunc(slices.Clone(d.Statement), func(other statement) bool { return other.Sid == *in.StatementId })
		if len(left) == len(d.Statement) {
			return notFound("Statement %s is not found in resource policy.", *in.StatementId)
		}
		d.Statement = left
		return nil
	})
}

// GetPolicy tells the policy of a function, or of a version or alias of it.
func (s *Service) GetPolicy(ctx context.Context, c *api.Caller, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	f, _, err := s.read(ctx, n)
	if err != nil {
		return nil, err
	}
	policy, found := f.Policies[policyKey(n.qualifier)]
	if !found {
		return nil, notFound("The resource you requested does not exist.")
	}
	return &lambda.GetPolicyOutput{Policy: aws.String(strings.TrimSpace(policy.Document)), RevisionId: &policy.RevisionID}, nil
}
