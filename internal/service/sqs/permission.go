package sqs

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// shareable are the actions that AddPermission can give away.
var shareable = []string{"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue"}

var (
	label     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
)

// document is a queue policy as AddPermission and RemovePermission edit it; what they do not know of it stays.
type document map[string]any

func documentOf(q state.Queue) (document, []any, error) {
	d := document{"Version": "2012-10-17", "Id": q.ARN + "/SQSDefaultPolicy"}
	if text := q.Attributes["Policy"]; text != "" {
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return nil, nil, err
		}
	}
	switch statements := d["Statement"].(type) {
	case []any:
		return d, statements, nil
	case nil:
		return d, nil, nil
	default:
		return d, []any{statements}, nil
	}
}

func sidOf(statement any) string {
	fields, _ := statement.(map[string]any)
	sid, _ := fields["Sid"].(string)
	return sid
}

// AddPermission adds a statement to the queue's policy, under a label, that admits accounts to actions.
func (s *Service) AddPermission(ctx context.Context, c *api.Caller, in *sqs.AddPermissionInput) (*sqs.AddPermissionOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	if !label.MatchString(aws.ToString(in.Label)) {
		return nil, invalidValue("Label", aws.ToString(in.Label), "Must be alphanumeric, hyphens or underscores, 1 to 80 in length.")
	}
	if len(in.Actions) == 0 {
		return nil, missing("Actions")
	}
	if len(in.AWSAccountIds) == 0 {
		return nil, invalid("Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.")
	}
	if len(in.Actions) > 7 {
		return nil, api.Errorf("OverLimit", "%d Actions were found, maximum allowed is 7.", len(in.Actions)).WithStatus(403)
	}
	var actions, principals []string
	for _, action := range in.Actions {
		if !slices.Contains(shareable, action) {
			return nil, invalidValue("ActionName", action, "Only the queue owner is allowed to invoke this action.")
		}
		actions = append(actions, "SQS:"+action)
	}
	for _, id := range in.AWSAccountIds {
		if !accountID.MatchString(id) {
			return nil, invalid("Value [%s] for parameter PrincipalId is invalid. Reason: Unable to verify.", id)
		}
		principals = append(principals, "arn:aws:iam::"+id+":root")
	}
	return &sqs.AddPermissionOutput{}, s.change(ctx, q.ARN, func(ctx context.Context, tx *state.Tx, q *state.Queue) error {
		d, statements, err := documentOf(*q)
		if err != nil {
			return err
		}
		for _, statement := range statements {
			if sidOf(statement) == *in.Label {
				return invalidValue("Label", *in.Label, "Already exists.")
			}
		}
		d["Statement"] = append(statements, map[string]any{
			"Sid": *in.Label, "Effect": "Allow", "Principal": map[string]any{"AWS": principals}, "Action": actions, "Resource": q.ARN,
		})
		return s.setDocument(ctx, tx, q, d)
	})
}

// RemovePermission removes the statement with a label.
func (s *Service) RemovePermission(ctx context.Context, c *api.Caller, in *sqs.RemovePermissionInput) (*sqs.RemovePermissionOutput, error) {
	q, err := s.queue(ctx, c, aws.ToString(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	return &sqs.RemovePermissionOutput{}, s.change(ctx, q.ARN, func(ctx context.Context, tx *state.Tx, q *state.Queue) error {
		d, statements, err := documentOf(*q)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(statements, func(statement any) bool { return sidOf(statement) == aws.ToString(in.Label) })
		if len(left) == len(statements) {
			return invalidValue("Label", aws.ToString(in.Label), "can't find label on existing policy.")
		}
		d["Statement"] = left
		if len(left) == 0 {
			d = nil
		}
		return s.setDocument(ctx, tx, q, d)
	})
}

func (s *Service) setDocument(ctx context.Context, tx *state.Tx, q *state.Queue, d document) error {
	text := ""
	if d != nil {
		data, err := json.Marshal(d)
		if err != nil {
			return err
		}
		text = string(data)
	}
	return s.set(ctx, tx, q, map[string]string{"Policy": text})
}
