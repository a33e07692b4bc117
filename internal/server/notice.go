package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/s3"
	"strongroom/internal/service/sqs"
	"strongroom/internal/state"
	"strongroom/internal/work"
)

// What buckets and vaults tell leaves as the service itself, for the bucket or the vault: the policies of queues, topics
// and keys decide on it by the principal, aws:SourceArn and aws:SourceAccount.

// vaultNotification brings a vault's notification to its topic.
func (m messaging) vaultNotification(ctx context.Context, tx *state.Tx, n work.Notification) error {
	attributes := map[string]state.MessageAttribute{}
	for name, value := range n.Attributes {
		attributes[name] = state.MessageAttribute{DataType: "String", StringValue: value}
	}
	return m.outbox.Put(ctx, tx, state.Delivery{
		Principal: "backup.amazonaws.com", AccountID: n.AccountID, Region: n.Region, SourceARN: n.VaultARN, TargetARN: n.TopicARN,
		DeliveryContent: state.DeliveryContent{Message: n.Message, Subject: n.Subject, Attributes: attributes},
	})
}

// objectEvent puts an event of a bucket on the default bus.
func (m messaging) objectEvent(ctx context.Context, tx *state.Tx, e s3.Event) error {
	return m.buses.PutServiceEvent(ctx, tx, state.ServiceEvent{
		AccountID: e.AccountID, Region: e.Region, Source: "aws.s3", DetailType: e.DetailType, Resources: []string{e.BucketARN}, Detail: e.Detail,
	})
}

// bucketSubject is the subject of what a bucket tells a topic.
const bucketSubject = "Amazon S3 Notification"

// objectMessage brings a queue or a topic what happened to an object.
func (m messaging) objectMessage(ctx context.Context, tx *state.Tx, n s3.Message) error {
	return m.outbox.Put(ctx, tx, state.Delivery{
		Principal: s3.Principal, AccountID: n.AccountID, Region: n.Region, SourceARN: n.BucketARN, TargetARN: n.TargetARN,
		DeliveryContent: state.DeliveryContent{Message: n.Body, Subject: bucketSubject},
	})
}

// tryObjectMessage sends a message at once; its error is that of the queue or the topic.
func (m messaging) tryObjectMessage(door *api.Door) func(ctx context.Context, n s3.Message) error {
	return func(ctx context.Context, n s3.Message) error {
		target, err := arn.Parse(n.TargetARN)
		if err != nil {
			return err
		}
		caller := api.ServiceCaller(s3.Principal, n.AccountID, n.Region)
		caller.SourceARN = n.BucketARN
		caller = caller.In(target.Region)
		if target.Service == "sqs" {
			_, err = api.Call[awssqs.SendMessageOutput](ctx, door, caller, &awssqs.SendMessageInput{QueueUrl: aws.String(sqs.URLOf(n.TargetARN)), MessageBody: &n.Body})
			return err
		}
		_, err = api.Call[awssns.PublishOutput](ctx, door, caller, &awssns.PublishInput{TopicArn: &n.TargetARN, Message: &n.Body, Subject: aws.String(bucketSubject)})
		return err
	}
}
