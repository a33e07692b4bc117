package s3

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// GetBucketNotificationConfiguration reads the notification configuration, which is empty where there is none.
func (s *Service) GetBucketNotificationConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketNotificationConfigurationInput) (*s3.GetBucketNotificationConfigurationOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	n, err := notificationOf(b)
	return &s3.GetBucketNotificationConfigurationOutput{
		EventBridgeConfiguration: n.EventBridgeConfiguration, QueueConfigurations: n.QueueConfigurations, TopicConfigurations: n.TopicConfigurations,
	}, err
}

func notificationOf(b state.Bucket) (n types.NotificationConfiguration, err error) {
	if b.Settings.Notification != "" {
		err = json.Unmarshal([]byte(b.Settings.Notification), &n)
	}
	return n, err
}

// PutBucketNotificationConfiguration says who is told of events of a bucket. Queues and topics are tried first, with a
// test event: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func (s *Service) PutBucketNotificationConfiguration(ctx context.Context, c *api.Caller, in *s3.PutBucketNotificationConfigurationInput) (*s3.PutBucketNotificationConfigurationOutput, error) {
	n := in.NotificationConfiguration
	if n == nil {
		return nil, malformedXML()
	}
	if len(n.LambdaFunctionConfigurations) > 0 {
		return nil, api.NotImplemented("A Lambda function in s3:PutBucketNotificationConfiguration")
	}
	if n.EventBridgeConfiguration != nil && s.putEvent == nil || len(n.QueueConfigurations)+len(n.TopicConfigurations) > 0 && s.deliver == nil {
		return nil, api.NotImplemented("A destination in s3:PutBucketNotificationConfiguration")
	}
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	targets, err := checkNotification(b, n)
	if err != nil {
		return nil, err
	}
	if !isTrue(in.SkipDestinationValidation) {
		for _, target := range targets {
			if err := s.tryTarget(ctx, c, b, target); err != nil {
				return nil, err
			}
		}
	}
	text := ""
	if n.EventBridgeConfiguration != nil || len(targets) > 0 {
		document, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		text = string(document)
	}
	return &s3.PutBucketNotificationConfigurationOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		b.Settings.Notification = text
		return nil
	})
}

// eventTypes are those of which queues and topics are told.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
var eventTypes = []string{
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:ObjectRestore:*", "s3:ObjectRestore:Post", "s3:ObjectRestore:Completed", "s3:ObjectRestore:Delete",
	"s3:ReducedRedundancyLostObject", "s3:Replication:*", "s3:Replication:OperationFailedReplication", "s3:Replication:OperationNotTracked",
	"s3:Replication:OperationMissedThreshold", "s3:Replication:OperationReplicatedAfterThreshold",
	"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated", "s3:LifecycleTransition",
	"s3:IntelligentTiering", "s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete", "s3:ObjectAcl:Put",
}

// subscription is a queue's or a topic's part of a configuration.
type subscription struct {
	id, target     string
	events         []types.Event
	prefix, suffix string
}

func subscriptions(n types.NotificationConfiguration) (all []subscription) {
	add := func(id, target *string, events []types.Event, filter *types.NotificationConfigurationFilter) {
		sub := subscription{id: str(id), target: str(target), events: events}
		if filter != nil && filter.Key != nil {
			for _, rule := range filter.Key.FilterRules {
				if strings.EqualFold(string(rule.Name), string(types.FilterRuleNamePrefix)) {
					sub.prefix = str(rule.Value)
				} else {
					sub.suffix = str(rule.Value)
				}
			}
		}
		all = append(all, sub)
	}
	for _, q := range n.QueueConfigurations {
		add(q.Id, q.QueueArn, q.Events, q.Filter)
	}
	for _, t := range n.TopicConfigurations {
		add(t.Id, t.TopicArn, t.Events, t.Filter)
	}
	return all
}

// checkNotification names the parts that have no name, and lists the targets.
func checkNotification(b state.Bucket, n *types.NotificationConfiguration) (targets []string, err error) {
	names := map[string]bool{}
	name := func(id **string) error {
		if str(*id) == "" {
			*id = ptr(rand.Text())
		}
		if names[**id] {
			return invalidArgument("Id", **id, "Same ID used for multiple configurations. IDs must be unique")
		}
		names[**id] = true
		return nil
	}
	check := func(id **string, target *string, service string, events []types.Event, filter *types.NotificationConfigurationFilter) error {
		if err := name(id); err != nil {
			return err
		}
		parsed, err := arn.Parse(str(target))
		if err != nil || parsed.Service != service {
			return invalidArgument(strings.ToUpper(service[:1])+service[1:], str(target), "The ARN could not be parsed")
		}
		if parsed.Region != b.Region {
			return invalidArgument(str(target), "null", "The notification destination service region is not valid for the bucket location constraint")
		}
		if len(events) == 0 {
			return malformedXML()
		}
		for _, event := range events {
			if !slices.Contains(eventTypes, string(event)) {
				return invalidArgument("Event", string(event), "The event is not supported for notifications")
			}
		}
		if filter != nil && filter.Key != nil {
			seen := map[string]bool{}
			for _, rule := range filter.Key.FilterRules {
				kind := strings.ToLower(string(rule.Name))
				if kind != "prefix" && kind != "suffix" {
					return invalidArgument("FilterRule.Name", string(rule.Name), "filter rule name must be either prefix or suffix")
				}
				if seen[kind] {
					return invalidArgument("FilterRule.Name", string(rule.Name), "Cannot specify more than one "+kind+" rule in a filter.")
				}
				seen[kind] = true
			}
		}
		targets = append(targets, *target)
		return nil
	}
	for i := range n.QueueConfigurations {
		q := &n.QueueConfigurations[i]
		if err := check(&q.Id, q.QueueArn, "sqs", q.Events, q.Filter); err != nil {
			return nil, err
		}
	}
	for i := range n.TopicConfigurations {
		t := &n.TopicConfigurations[i]
		if err := check(&t.Id, t.TopicArn, "sns", t.Events, t.Filter); err != nil {
			return nil, err
		}
	}
	all := subscriptions(*n)
	for i, one := range all {
		for _, other := range all[:i] {
			if one.overlaps(other) {
				return nil, invalidArgument("", "", "Configurations overlap. Configurations on the same bucket cannot share a common event type.")
			}
		}
	}
	return targets, nil
}

// overlaps reports whether some event of some key would be told twice.
func (sub subscription) overlaps(other subscription) bool {
	common := slices.ContainsFunc(sub.events, func(a types.Event) bool {
		return slices.ContainsFunc(other.events, func(b types.Event) bool { return covers(a, string(b)) || covers(b, string(a)) })
	})
	prefixes := strings.HasPrefix(sub.prefix, other.prefix) || strings.HasPrefix(other.prefix, sub.prefix)
	suffixes := strings.HasSuffix(sub.suffix, other.suffix) || strings.HasSuffix(other.suffix, sub.suffix)
	return common && prefixes && suffixes
}

// covers reports whether an event type, which may end in an asterisk, means an event.
func covers(pattern types.Event, event string) bool {
	all, wild := strings.CutSuffix(string(pattern), "*")
	return string(pattern) == event || wild && strings.HasPrefix(event, all)
}

// tryTarget sends a target the test event.
func (s *Service) tryTarget(ctx context.Context, c *api.Caller, b state.Bucket, target string) error {
	message, err := json.Marshal(map[string]string{
		"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": s.clock.Now().UTC().Format(time.RFC3339Nano), "Bucket": b.Name,
		"RequestId": c.RequestID, "HostId": c.RequestID,
	})
	if err != nil {
		return err
	}
	err = s.send(ctx, Message{AccountID: b.AccountID, Region: b.Region, BucketARN: bucketARN(b.Name), TargetARN: target, Body: string(message)})
	if api.Code(err) == "" {
		return err
	}
	e := invalidArgument(target, messageOf(err), "Unable to validate the following destination configurations")
	e.Err = err
	return e
}
