package sns

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// shareable are the actions that AddPermission can give away.
var shareable = []string{
	"AddPermission", "DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "Receive", "RemovePermission", "SetTopicAttributes", "Subscribe",
}

func sidOf(statement any) string {
	fields, _ := statement.(map[string]any)
	sid, _ := fields["Sid"].(string)
	return sid
}

// edit changes the statements of a topic's policy.
func (s *Service) edit(ctx context.Context, topicARN string, fn func(statements []any) ([]any, error)) error {
	return s.change(ctx, topicARN, func(t *state.Topic) error {
		document := map[string]any{}
		if err := json.Unmarshal([]byte(policyOf(*t)), &document); err != nil {
			return err
		}
		statements, ok := document["Statement"].([]any)
		if !ok && document["Statement"] != nil {
			statements = []any{document["Statement"]}
		}
		changed, err := fn(statements)
		if err != nil {
			return err
		}
		document["Statement"] = changed
		text, err := json.Marshal(document)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			text = nil
		}
		return setTopicAttribute(t, "Policy", string(text))
	})
}

// AddPermission adds a statement to the topic's policy, under a label, that admits accounts to actions.
func (s *Service) AddPermission(ctx context.Context, _ *api.Caller, in *sns.AddPermissionInput) (*sns.AddPermissionOutput, error) {
	var actions, principals []string
	for _, action := range in.ActionName {
		if !slices.Contains(shareable, action) {
			return nil, invalid("Policy statement action out of service scope!")
		}
		actions = append(actions, "SNS:"+action)
	}
	for _, id := range in.AWSAccountId {
		if !accountID.MatchString(id) {
			return nil, invalid("AWSAccountId Reason: %s is no account", id)
		}
		principals = append(principals, "arn:aws:iam::"+id+":root")
	}
	if len(actions) == 0 || len(principals) == 0 {
		return nil, invalid("ActionName and AWSAccountId must not be empty")
	}
	return &sns.AddPermissionOutput{}, s.edit(ctx, *in.TopicArn, func(statements []any) ([]any, error) {
		if slices.ContainsFunc(statements, func(statement any) bool { return sidOf(statement) == *in.Label }) {
			return nil, invalid("Statement already exists")
		}
		return append(statements, map[string]any{
			"Sid": *in.Label, "Effect": "Allow", "Principal": map[string]any{"AWS": principals}, "Action": actions, "Resource": *in.TopicArn,
		}), nil
	})
}

// RemovePermission removes the statement with a label. One that is not there is no error.
func (s *Service) RemovePermission(ctx context.Context, _ *api.Caller, in *sns.RemovePermissionInput) (*sns.RemovePermissionOutput, error) {
	return &sns.RemovePermissionOutput{}, s.edit(ctx, *in.TopicArn, func(statements []any) ([]any, error) {
		return slices.DeleteFunc(statements, func(statement any) bool { return sidOf(statement) == aws.ToString(in.Label) }), nil
	})
}
