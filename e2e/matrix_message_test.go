package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cloudtrailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

func (w *matrixWorld) ofSNS(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), sns.NewFromConfig(w.m.config)
	topic := must(c.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("possessed")}))(t, "making a topic").TopicArn
	spare := must(c.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("spare")}))(t, "making a topic").TopicArn
	queue := aws.String("arn:aws:sqs:" + home + ":" + w.m.id + ":possessed")
	subscription := must(c.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: queue, ReturnSubscriptionArn: true}))(t, "subscribing").SubscriptionArn
	ended := must(c.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: aws.String(*queue + "-dead"), ReturnSubscriptionArn: true}))(t, "subscribing").SubscriptionArn
	set(map[string]any{
		"sns.TopicArn": *topic, "sns:CreateTopic.Name": "matrix", "sns:DeleteTopic.TopicArn": *spare, "sns:Publish.TopicArn": *topic, "sns.Message": "matrix",
		"sns.PublishBatchRequestEntries": []snstypes.PublishBatchRequestEntry{{Id: aws.String("a"), Message: aws.String("matrix")}},
		"sns.SubscriptionArn":            *subscription, "sns:Unsubscribe.SubscriptionArn": *ended, "sns.Protocol": "sqs", "sns:Subscribe.Endpoint": *queue,
		"sns:SetTopicAttributes.AttributeName": "DisplayName", "sns:SetTopicAttributes.AttributeValue": "matrix",
		"sns:SetSubscriptionAttributes.AttributeName": "RawMessageDelivery", "sns:SetSubscriptionAttributes.AttributeValue": "true",
		"sns.Label": "matrix", "sns.AWSAccountId": []string{management}, "sns.ActionName": []string{"Publish"}, "sns.ResourceArn": *topic,
		"sns.Tags": []snstypes.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}, "sns.TagKeys": []string{"matrix"},
	})
}

func (w *matrixWorld) ofEvents(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), eventbridge.NewFromConfig(w.m.config)
	must(c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("possessed")}))(t, "making a bus")
	pattern := aws.String(`{"source":["matrix"]}`)
	rule := must(c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("possessed"), EventPattern: pattern}))(t, "making a rule").RuleArn
	must(c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("spare"), EventPattern: pattern}))(t, "making a rule")
	queue := "arn:aws:sqs:" + home + ":" + w.m.id + ":possessed"
	set(map[string]any{
		"events.Name": "possessed", "events:CreateEventBus.Name": "matrix", "events:PutRule.Name": "matrix", "events:PutRule.EventPattern": *pattern,
		"events:DescribeEventBus.Name": "possessed", "events:UpdateEventBus.Name": "possessed", "events:DeleteRule.Name": "spare", "events.Rule": "possessed",
		"events.Targets": []eventbridgetypes.Target{{Id: aws.String("a"), Arn: &queue}}, "events.Ids": []string{"a"}, "events.TargetArn": queue,
		"events.Entries":                 []eventbridgetypes.PutEventsRequestEntry{{Source: aws.String("nobody"), DetailType: aws.String("d"), Detail: aws.String("{}")}},
		"events:PutPermission.Action":    "events:PutEvents",
		"events:PutPermission.Principal": management, "events:PutPermission.StatementId": "matrix", "events:RemovePermission.StatementId": "matrix",
		"events.Event":        `{"id":"1","source":"matrix","detail-type":"d","account":"111111111111","time":"2026-01-01T00:00:00Z","region":"eu-central-1","resources":[],"detail":{}}`,
		"events.EventPattern": *pattern, "events.ResourceARN": *rule,
		"events.Tags": []eventbridgetypes.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}, "events.TagKeys": []string{"matrix"},
	})
}

func (w *matrixWorld) ofCloudTrail(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), w.m.cloudtrail
	bucket := aws.String("trail-bucket")
	deliver := statement{"Effect": "Allow", "Principal": statement{"Service": "cloudtrail.amazonaws.com"}}
	list, write := statement{"Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::trail-bucket"}, statement{"Action": "s3:PutObject", "Resource": "arn:aws:s3:::trail-bucket/*"}
	for name, value := range deliver {
		list[name], write[name] = value, value
	}
	w.m.bucket(t, *bucket, "")
	must(w.m.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: policy(list, write)}))(t, "opening the trail's bucket")
	trail := must(c.CreateTrail(ctx, &cloudtrail.CreateTrailInput{Name: aws.String("possessed"), S3BucketName: bucket}))(t, "making a trail").TrailARN
	spare := must(c.CreateTrail(ctx, &cloudtrail.CreateTrailInput{Name: aws.String("spare"), S3BucketName: bucket}))(t, "making a trail").TrailARN
	tags := []cloudtrailtypes.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}
	set(map[string]any{
		"cloudtrail.Name": *trail, "cloudtrail:CreateTrail.Name": "matrix", "cloudtrail:DeleteTrail.Name": *spare, "cloudtrail.S3BucketName": *bucket, "cloudtrail.TrailName": *trail,
		"cloudtrail.ResourceId": *trail, "cloudtrail.ResourceIdList": []string{*trail}, "cloudtrail.TagsList": tags,
		"cloudtrail:PutEventSelectors.EventSelectors": []cloudtrailtypes.EventSelector{{ReadWriteType: cloudtrailtypes.ReadWriteTypeAll}},
	})
}
