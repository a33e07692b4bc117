package sns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"strongroom/arn"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

func (s *Service) createTopicAccess(_ context.Context, c *api.Caller, in *sns.CreateTopicInput) ([]api.Access, error) {
	resource := arn.New("sns", c.Region, c.AccountID, aws.ToString(in.Name)).String()
	tags := api.WithRequestTags(nil, tagMap(in.Tags))
	accesses := []api.Access{{Action: "sns:CreateTopic", Resource: resource, Context: tags}}
	if len(in.Tags) > 0 {
		accesses = append(accesses, api.Access{Action: "sns:TagResource", Resource: resource, Context: tags})
	}
	return accesses, nil
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// CreateTopic makes a topic. One of the name that has the attributes and tags already is answered as if it were new.
func (s *Service) CreateTopic(ctx context.Context, c *api.Caller, in *sns.CreateTopicInput) (*sns.CreateTopicOutput, error) {
	name := aws.ToString(in.Name)
	base, isFIFO := strings.CutSuffix(name, ".fifo")
	if !topicName.MatchString(base) || len(name) > 256 {
		return nil, invalid("Topic Name")
	}
	if isFIFO != (in.Attributes["FifoTopic"] == "true") {
		if isFIFO {
			return nil, invalid("Topic Name")
		}
		return nil, invalid("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.")
	}
	if in.DataProtectionPolicy != nil {
		return nil, api.NotImplemented("sns: data protection policies")
	}
	tags := tagMap(in.Tags)
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	t := state.Topic{ARN: arn.New("sns", c.Region, c.AccountID, name).String(), AccountID: c.AccountID, Region: c.Region, Name: name, Tags: tags}
	for _, attribute := range slices.Sorted(maps.Keys(in.Attributes)) {
		if err := setTopicAttribute(&t, attribute, in.Attributes[attribute]); err != nil {
			return nil, err
		}
	}
	return &sns.CreateTopicOutput{TopicArn: &t.ARN}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.Topic(ctx, t.ARN)
		if errors.Is(err, state.ErrNotFound) {
			t.CreatedAt = tx.Now
			return tx.InsertTopic(ctx, t)
		}
		if err != nil {
			return err
		}
		for attribute, value := range t.Attributes {
			if there.Attributes[attribute] != value {
				return invalid("Attributes Reason: Topic already exists with different attributes")
			}
		}
		if len(tags) > 0 && !maps.Equal(tags, there.Tags) {
			return invalid("Tags Reason: Topic already exists with different tags")
		}
		return nil
	})
}

// setTopicAttribute sets what can be set of a topic; an empty value takes it away.
func setTopicAttribute(t *state.Topic, name, value string) error {
	isFIFO := strings.HasSuffix(t.Name, ".fifo")
	oneOf := func(values ...string) error {
		if !slices.Contains(values, value) {
			return invalid("%s Reason: %s is none of %s", name, value, strings.Join(values, ", "))
		}
		return nil
	}
	var err error
	switch name {
	case "Policy":
		if value != "" {
			err = checkPolicy(value)
		}
	case "DisplayName":
		if len(value) > 100 {
			err = invalid("DisplayName Reason: Display name must be less than or equal to 100 characters long")
		}
	case "DeliveryPolicy":
		if value != "" && !json.Valid([]byte(value)) {
			err = invalid("DeliveryPolicy: failed to parse JSON.")
		}
	case "KmsMasterKeyId":
		if value != "" {
			return api.NotImplemented("sns: topics under a KMS key")
		}
	case "SignatureVersion":
		err = oneOf("1", "2")
	case "TracingConfig":
		err = oneOf("PassThrough")
	case "FifoTopic":
		err = oneOf("true", "false")
		if value == "false" {
			return err
		}
	case "ContentBasedDeduplication", "FifoThroughputScope":
		if !isFIFO {
			return invalid("%s Reason: it is for FIFO topics", name)
		}
		if name == "FifoThroughputScope" {
			err = oneOf("Topic", "MessageGroup")
		} else {
			err = oneOf("true", "false")
		}
	default:
		return invalid("AttributeName")
	}
	if err != nil {
		return err
	}
	t.Attributes = maps.Clone(t.Attributes)
	if t.Attributes == nil {
		t.Attributes = map[string]string{}
	}
	if value == "" {
		delete(t.Attributes, name)
		return nil
	}
	t.Attributes[name] = value
	return nil
}

func checkPolicy(document string) error {
	policy, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(policy, iampolicy.Resource)
	}
	if err != nil {
		e := invalid("Policy Error: %s", iampolicy.MalformedMessage(err))
		e.Err = err
		return e
	}
	return nil
}

// policyOf is the topic's policy, or the one that a topic has without: it opens it to its owner.
// https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
func policyOf(t state.Topic) string {
	if policy := t.Attributes["Policy"]; policy != "" || t.ARN == "" {
		return policy
	}
	return fmt.Sprintf(`{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},`+
		`"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],`+
		`"Resource":%q,"Condition":{"StringEquals":{"AWS:SourceOwner":%q}}}]}`, t.ARN, t.AccountID)
}

// effectiveDelivery is what holds where a topic or subscription sets no DeliveryPolicy.
const effectiveDelivery = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`

// GetTopicAttributes tells all attributes of a topic.
func (s *Service) GetTopicAttributes(ctx context.Context, c *api.Caller, in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
	t, err := s.topic(ctx, c, aws.ToString(in.TopicArn))
	if err != nil {
		return nil, err
	}
	var confirmed, pending int
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.TopicSubscriptions(ctx, t.ARN, "", 0)
		for _, sub := range all {
			if sub.Pending {
				pending++
			} else {
				confirmed++
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"TopicArn": t.ARN, "Owner": t.AccountID, "DisplayName": "", "Policy": policyOf(t), "EffectiveDeliveryPolicy": effectiveDelivery,
		"SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(pending), "SubscriptionsDeleted": "0",
	}
	if strings.HasSuffix(t.Name, ".fifo") {
		all["ContentBasedDeduplication"] = "false"
	}
	if p := t.Attributes["DeliveryPolicy"]; p != "" {
		all["EffectiveDeliveryPolicy"] = p
	}
	maps.Copy(all, t.Attributes)
	return &sns.GetTopicAttributesOutput{Attributes: all}, nil
}

// SetTopicAttributes sets one attribute of a topic.
func (s *Service) SetTopicAttributes(ctx context.Context, c *api.Caller, in *sns.SetTopicAttributesInput) (*sns.SetTopicAttributesOutput, error) {
	if aws.ToString(in.AttributeName) == "FifoTopic" {
		return nil, invalid("AttributeName")
	}
	return &sns.SetTopicAttributesOutput{}, s.change(ctx, aws.ToString(in.TopicArn), func(t *state.Topic) error {
		return setTopicAttribute(t, aws.ToString(in.AttributeName), aws.ToString(in.AttributeValue))
	})
}

func (s *Service) deleteTopicAccess(ctx context.Context, c *api.Caller, in *sns.DeleteTopicInput) ([]api.Access, error) {
	t, err := s.topic(ctx, c, aws.ToString(in.TopicArn))
	if api.Code(err) == "NotFound" {
		a, err := arn.Parse(*in.TopicArn)
		return []api.Access{{Action: "sns:DeleteTopic", Resource: *in.TopicArn, ResourceAccountID: a.AccountID}}, err
	}
	return []api.Access{access(t, "DeleteTopic")}, err
}

// DeleteTopic removes a topic with its subscriptions. One that is gone is no error.
func (s *Service) DeleteTopic(ctx context.Context, _ *api.Caller, in *sns.DeleteTopicInput) (*sns.DeleteTopicOutput, error) {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteTopic(ctx, *in.TopicArn) })
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	return &sns.DeleteTopicOutput{}, err
}

const pageSize = 100

// ListTopics lists the topics of the account by name.
func (s *Service) ListTopics(ctx context.Context, c *api.Caller, in *sns.ListTopicsInput) (*sns.ListTopicsOutput, error) {
	scope := "sns:ListTopics:" + c.AccountID + ":" + c.Region
	after, err := s.Pages.After(scope, in.NextToken, "InvalidParameter")
	if err != nil {
		return nil, err
	}
	var topics []state.Topic
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		topics, err = tx.Topics(ctx, c.AccountID, c.Region, after, pageSize+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	topics, next := page.Cut(topics, pageSize, func(t state.Topic) string { return t.Name })
	out := &sns.ListTopicsOutput{NextToken: s.Pages.Next(scope, next)}
	for _, t := range topics {
		out.Topics = append(out.Topics, types.Topic{TopicArn: &t.ARN})
	}
	return out, nil
}
