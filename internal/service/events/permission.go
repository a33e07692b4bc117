package events

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// PutPermission sets the policy of a bus: as a whole, or one statement that admits an account or an organization to it.
func (s *Service) PutPermission(ctx context.Context, c *api.Caller, in *eventbridge.PutPermissionInput) (*eventbridge.PutPermissionOutput, error) {
	bus, err := busARN(c, in.EventBusName)
	if err != nil {
		return nil, err
	}
	if in.Policy != nil {
		if in.StatementId != nil || in.Principal != nil || in.Action != nil {
			return nil, invalid("Parameter Policy can not be combined with StatementId, Action, Principal or Condition.")
		}
		if err := checkPolicy(*in.Policy); err != nil {
			return nil, err
		}
		return &eventbridge.PutPermissionOutput{}, s.changeBus(ctx, bus, func(b *state.EventBus) error {
			b.Policy = *in.Policy
			return nil
		})
	}
	statement, err := statementOf(in, bus.String())
	if err != nil {
		return nil, err
	}
	return &eventbridge.PutPermissionOutput{}, s.changeBus(ctx, bus, func(b *state.EventBus) error {
		d, statements, err := documentOf(b.Policy)
		if err != nil {
			return err
		}
		statements = slices.DeleteFunc(statements, func(other any) bool { return sidOf(other) == *in.StatementId })
		return setDocument(b, d, append(statements, statement))
	})
}

func statementOf(in *eventbridge.PutPermissionInput, bus string) (map[string]any, error) {
	for name, value := range map[string]*string{"StatementId": in.StatementId, "Principal": in.Principal, "Action": in.Action} {
		if aws.ToString(value) == "" {
			return nil, invalid("Parameter %s must be specified.", name)
		}
	}
	if *in.Action != "events:PutEvents" {
		return nil, invalid("Provided value in parameter 'action' is not supported.")
	}
	statement := map[string]any{"Sid": *in.StatementId, "Effect": "Allow", "Action": *in.Action, "Resource": bus}
	switch {
	case *in.Principal == "*":
		statement["Principal"] = "*"
	case accountID.MatchString(*in.Principal):
		statement["Principal"] = map[string]any{"AWS": "arn:aws:iam::" + *in.Principal + ":root"}
	default:
		return nil, invalid("Parameter Principal is not valid. Reason: Provided value is neither an account nor *.")
	}
	if q := in.Condition; q != nil {
		if *in.Principal != "*" {
			return nil, invalid("Parameter Condition is valid only with Principal *.")
		}
		statement["Condition"] = map[string]any{aws.ToString(q.Type): map[string]any{aws.ToString(q.Key): aws.ToString(q.Value)}}
	}
	return statement, nil
}

// RemovePermission removes a statement of the policy of a bus, or all.
func (s *Service) RemovePermission(ctx context.Context, c *api.Caller, in *eventbridge.RemovePermissionInput) (*eventbridge.RemovePermissionOutput, error) {
	bus, err := busARN(c, in.EventBusName)
	if err != nil {
		return nil, err
	}
	return &eventbridge.RemovePermissionOutput{}, s.changeBus(ctx, bus, func(b *state.EventBus) error {
		if in.RemoveAllPermissions {
			b.Policy = ""
			return nil
		}
		d, statements, err := documentOf(b.Policy)
		if err != nil {
			return err
		}
		if b.Policy == "" {
			return api.Errorf("ResourceNotFoundException", "EventBus does not have a policy.")
		}
		left := slices.DeleteFunc(slices.Clone(statements), func(statement any) bool { return sidOf(statement) == aws.ToString(in.StatementId) })
		if len(left) == len(statements) {
			return api.Errorf("ResourceNotFoundException", "Statement with the provided id does not exist.")
		}
		return setDocument(b, d, left)
	})
}

func documentOf(policy string) (document map[string]any, statements []any, err error) {
	document = map[string]any{"Version": "2012-10-17"}
	if policy != "" {
		if err := json.Unmarshal([]byte(policy), &document); err != nil {
			return nil, nil, err
		}
	}
	switch all := document["Statement"].(type) {
	case []any:
		statements = all
	case map[string]any:
		statements = []any{all}
	}
	return document, statements, nil
}

func sidOf(statement any) string {
	fields, _ := statement.(map[string]any)
	sid, _ := fields["Sid"].(string)
	return sid
}

func setDocument(b *state.EventBus, document map[string]any, statements []any) error {
	if len(statements) == 0 {
		b.Policy = ""
		return nil
	}
	document["Statement"] = statements
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	b.Policy = string(text)
	return checkPolicy(b.Policy)
}

// maxPolicy is the largest policy of a bus.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxPolicy = 10240

func checkPolicy(document string) error {
	if len(document) > maxPolicy {
		return api.Errorf("PolicyLengthExceededException", "Policy is too long.")
	}
	policy, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(policy, iampolicy.Resource)
	}
	if err != nil {
		return &api.Error{Code: "ValidationException", Message: "Invalid policy: " + iampolicy.MalformedMessage(err), Err: errors.Unwrap(err)}
	}
	return nil
}
