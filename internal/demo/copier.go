package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The names of what makes the second copies.
const (
	copierName = "strongroom-copier"
	eventsRole = "forward-backup-events"
	copierRule = "first-copies"
)

// deployCopier installs the copier in the backup account, in the member's Region: events of finished copies come from the
// member's bus to the backup account's, by a rule into a queue, and out of the queue to the function.
func (s *solution) deployCopier(ctx context.Context, zip []byte) error {
	queue, failed, err := s.first.createQueues(ctx)
	if err != nil {
		return err
	}
	if err := s.forwardEvents(ctx, queue); err != nil {
		return err
	}
	return s.createFunction(ctx, zip, queue, failed)
}

// queue is an SQS queue by both its names.
type queue struct{ url, arn string }

// createQueues makes the copier's queue and the one for what it gives up.
func (a *account) createQueues(ctx context.Context) (events, failed queue, err error) {
	if failed, err = a.createQueue(ctx, copierName+"-failed", map[string]string{"MessageRetentionPeriod": "1209600"}); err != nil {
		return events, failed, err
	}
	redrive, err := json.Marshal(map[string]string{"deadLetterTargetArn": failed.arn, "maxReceiveCount": "10"})
	if err != nil {
		return events, failed, err
	}
	rule := fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", a.region, a.id, copierRule)
	events, err = a.createQueue(ctx, copierName, map[string]string{
		"VisibilityTimeout": "360", "RedrivePolicy": string(redrive),
		"Policy": *document(statement{
			Effect: "Allow", Principal: map[string]string{"Service": "events.amazonaws.com"}, Action: "sqs:SendMessage",
			Resource:  fmt.Sprintf("arn:aws:sqs:%s:%s:%s", a.region, a.id, copierName),
			Condition: map[string]any{"ArnEquals": map[string]string{"aws:SourceArn": rule}},
		}),
	})
	return events, failed, err
}

func (a *account) createQueue(ctx context.Context, name string, attributes map[string]string) (queue, error) {
	out, err := a.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		return queue{}, fmt.Errorf("creating queue %s: %w", name, err)
	}
	got, err := a.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: out.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	if err != nil {
		return queue{}, fmt.Errorf("looking at queue %s: %w", name, err)
	}
	return queue{aws.ToString(out.QueueUrl), got.Attributes[string(sqstypes.QueueAttributeNameQueueArn)]}, nil
}

// forwardEvents sends the member's events of finished first copies to the backup account, and there into the queue. AWS
// Backup tells of a copy in the account it leaves.
func (s *solution) forwardEvents(ctx context.Context, to queue) error {
	text, err := json.Marshal(map[string]any{
		"source": []string{"aws.backup"}, "detail-type": []string{"Copy Job State Change"},
		"detail": map[string]any{"state": []string{"COMPLETED"}, "destinationBackupVaultArn": []string{s.first.vaultARN(firstVault)}},
	})
	if err != nil {
		return err
	}
	pattern := string(text)
	bus := fmt.Sprintf("arn:aws:events:%s:%s:event-bus/default", s.first.region, s.first.id)
	if _, err := s.first.events.PutPermission(ctx, &eventbridge.PutPermissionInput{
		StatementId: aws.String("member"), Principal: &s.member.id, Action: aws.String("events:PutEvents"),
	}); err != nil {
		return fmt.Errorf("opening the event bus of %s: %w", s.first.name, err)
	}
	role, err := s.member.createRole(ctx, eventsRole, "events.amazonaws.com", statement{Effect: "Allow", Action: "events:PutEvents", Resource: bus})
	if err != nil {
		return err
	}
	if err := s.member.putRule(ctx, pattern, eventbridgetypes.Target{Id: aws.String("backup"), Arn: &bus, RoleArn: &role}); err != nil {
		return err
	}
	return s.first.putRule(ctx, pattern, eventbridgetypes.Target{Id: aws.String("queue"), Arn: &to.arn})
}

func (a *account) putRule(ctx context.Context, pattern string, target eventbridgetypes.Target) error {
	if _, err := a.events.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String(copierRule), EventPattern: &pattern}); err != nil {
		return fmt.Errorf("creating the event rule of %s: %w", a.name, err)
	}
	out, err := a.events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String(copierRule), Targets: []eventbridgetypes.Target{target}})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New(aws.ToString(out.FailedEntries[0].ErrorMessage))
	}
	if err != nil {
		return fmt.Errorf("giving the event rule of %s its target: %w", a.name, err)
	}
	return nil
}

// createRole makes a role of a service that may do what the statements say.
func (a *account) createRole(ctx context.Context, name, service string, may ...statement) (roleARN string, err error) {
	out, err := a.iam.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &name,
		AssumeRolePolicyDocument: document(statement{Effect: "Allow", Principal: map[string]string{"Service": service}, Action: "sts:AssumeRole"}),
	})
	if err != nil {
		return "", fmt.Errorf("creating role %s in %s: %w", name, a.name, err)
	}
	if _, err := a.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &name, PolicyDocument: document(may...)}); err != nil {
		return "", fmt.Errorf("giving role %s in %s its policy: %w", name, a.name, err)
	}
	return aws.ToString(out.Role.Arn), nil
}

// createFunction makes the function that makes the second copies, with a role that may do that and no more, and lets it have
// the queue's messages.
func (s *solution) createFunction(ctx context.Context, zip []byte, events, failed queue) error {
	a := s.first
	role, err := a.createRole(ctx, copierName, "lambda.amazonaws.com", s.copierMay(events, failed)...)
	if err != nil {
		return err
	}
	created, err := a.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String(copierName), Role: &role, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: zip}, Timeout: aws.Int32(60), MemorySize: aws.Int32(256),
		Environment: &lambdatypes.Environment{Variables: map[string]string{
			"COPIER_INTERMEDIATE_VAULTS":   a.vaultARN(firstVault),
			"COPIER_FINAL_VAULTS":          s.vaulted.vaultARN(backupVault),
			"COPIER_ROLE_ARN":              a.roleARN(roleName),
			"COPIER_QUEUE_URL":             events.url,
			"COPIER_DEAD_LETTER_QUEUE_URL": failed.url,
		}},
	})
	if err != nil {
		return fmt.Errorf("creating function %s: %w", copierName, err)
	}
	if err := until(ctx, func() (bool, error) {
		f, err := a.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: created.FunctionArn})
		if err != nil {
			return false, fmt.Errorf("looking at function %s: %w", copierName, err)
		}
		if f.State == lambdatypes.StateFailed {
			return false, fmt.Errorf("function %s failed: %s", copierName, aws.ToString(f.StateReason))
		}
		return f.State == lambdatypes.StateActive, nil
	}); err != nil {
		return err
	}
	if _, err := a.lambda.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: created.FunctionArn, EventSourceArn: &events.arn, BatchSize: aws.Int32(10),
		FunctionResponseTypes: []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures},
	}); err != nil {
		return fmt.Errorf("giving function %s its queue: %w", copierName, err)
	}
	return nil
}

// copierMay is what the copier's role may do: read its queue, look at copies, start new ones as the service role, and write
// its log.
func (s *solution) copierMay(events, failed queue) []statement {
	return []statement{
		{Effect: "Allow", Action: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"}, Resource: events.arn},
		{Effect: "Allow", Action: "sqs:SendMessage", Resource: failed.arn},
		{
			Effect: "Allow", Resource: "*",
			Action: []string{"backup:ListCopyJobs", "backup:DescribeCopyJob", "backup:ListRecoveryPointsByBackupVault", "backup:DescribeRecoveryPoint", "backup:ListTags", "backup:StartCopyJob"},
		},
		{
			Effect: "Allow", Action: "iam:PassRole", Resource: s.first.roleARN(roleName),
			Condition: map[string]any{"StringEquals": map[string]string{"iam:PassedToService": backupService}},
		},
		{
			Effect: "Allow", Action: []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: fmt.Sprintf("arn:aws:logs:%s:%s:*", s.first.region, s.first.id),
		},
	}
}
