package sns

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
)

func (s *Service) subscribeAccess(ctx context.Context, c *api.Caller, in *sns.SubscribeInput) ([]api.Access, error) {
	t, err := s.topic(ctx, c, aws.ToString(in.TopicArn))
	a := access(t, "Subscribe")
	a.Context["sns:Protocol"], a.Context["sns:Endpoint"] = []string{aws.ToString(in.Protocol)}, []string{aws.ToString(in.Endpoint)}
	return []api.Access{a}, err
}

// checkEndpoint checks an endpoint against its protocol.
func checkEndpoint(t state.Topic, protocol, endpoint string) error {
	switch protocol {
	case "sqs":
		a, err := arn.Parse(endpoint)
		if err != nil || a.Service != "sqs" {
			return invalid("SQS endpoint ARN")
		}
		if strings.HasSuffix(endpoint, ".fifo") && !strings.HasSuffix(t.Name, ".fifo") {
			return invalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
		}
	case "http", "https":
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != protocol || u.Host == "" {
			return invalid("Endpoint must match the specified protocol")
		}
		if strings.HasSuffix(t.Name, ".fifo") {
			return invalid("Invalid protocol type: %s", protocol)
		}
	case "lambda":
		a, err := arn.Parse(endpoint)
		if err != nil || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "function:") {
			return invalid("Lambda endpoint ARN")
		}
		if strings.HasSuffix(t.Name, ".fifo") {
			return invalid("Invalid protocol type: %s", protocol)
		}
	case "email", "email-json", "sms", "application", "firehose":
		return api.NotImplemented("sns: a subscription by " + protocol)
	default:
		return invalid("Amazon SNS does not support this protocol string: %s", protocol)
	}
	return nil
}

// Subscribe subscribes an endpoint to a topic. A queue of the caller's own account is subscribed at once, other endpoints
// once they have confirmed.
func (s *Service) Subscribe(ctx context.Context, c *api.Caller, in *sns.SubscribeInput) (*sns.SubscribeOutput, error) {
	t, err := s.topic(ctx, c, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	sub := state.Subscription{
		ARN: t.ARN + ":" + uuid.NewString(), TopicARN: t.ARN, AccountID: c.AccountID, Region: c.Region, Protocol: *in.Protocol, Endpoint: aws.ToString(in.Endpoint), Pending: true,
	}
	if err := checkEndpoint(t, sub.Protocol, sub.Endpoint); err != nil {
		return nil, err
	}
	if a, err := arn.Parse(sub.Endpoint); err == nil && a.AccountID == c.AccountID {
		sub.Pending = false
	}
	for _, name := range slices.Sorted(maps.Keys(in.Attributes)) {
		if err := setSubscriptionAttribute(&sub, name, in.Attributes[name]); err != nil {
			return nil, err
		}
	}
	if err := checkFilter(sub.Attributes); err != nil {
		return nil, err
	}
	k, err := s.openSigner(ctx)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.SubscriptionOf(ctx, t.ARN, sub.Protocol, sub.Endpoint)
		switch {
		case errors.Is(err, state.ErrNotFound):
			sub.CreatedAt = tx.Now
			if err := tx.InsertSubscription(ctx, sub); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			for name, value := range sub.Attributes {
				if there.Attributes[name] != value {
					return invalid("Attributes Reason: Subscription already exists with different attributes")
				}
			}
			sub = there
		}
		if !sub.Pending {
			return nil
		}
		return s.askToConfirm(ctx, tx, k, t, sub)
	})
	if err != nil {
		return nil, err
	}
	out := &sns.SubscribeOutput{SubscriptionArn: &sub.ARN}
	if sub.Pending && !in.ReturnSubscriptionArn {
		out.SubscriptionArn = aws.String("pending confirmation")
	}
	return out, nil
}

// setSubscriptionAttribute sets what can be set of a subscription; an empty value takes it away.
func setSubscriptionAttribute(sub *state.Subscription, name, value string) error {
	switch name {
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return invalid("Attributes Reason: RawMessageDelivery: Invalid value [%s]. Must be true or false.", value)
		}
	case "FilterPolicyScope":
		if value != "MessageAttributes" && value != "MessageBody" {
			return invalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", value)
		}
	case "FilterPolicy":
		if value == "{}" {
			value = ""
		}
		if value != "" {
			if _, err := pattern.Parse([]byte(value)); err != nil {
				return invalid("FilterPolicy: %s", strings.TrimPrefix(err.Error(), "Event pattern is not valid. Reason: "))
			}
		}
	case "DeliveryPolicy":
		if value != "" && !json.Valid([]byte(value)) {
			return invalid("DeliveryPolicy: failed to parse JSON.")
		}
	case "RedrivePolicy":
		if value != "" && deadLetterOf(value) == "" {
			return invalid("RedrivePolicy: must have a deadLetterTargetArn that names an SQS queue.")
		}
	default:
		return invalid("AttributeName")
	}
	sub.Attributes = maps.Clone(sub.Attributes)
	if sub.Attributes == nil {
		sub.Attributes = map[string]string{}
	}
	if value == "" {
		delete(sub.Attributes, name)
		return nil
	}
	sub.Attributes[name] = value
	return nil
}

// checkFilter holds a filter policy against its scope: attributes do not nest.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering-scope.html
func checkFilter(attributes map[string]string) error {
	if attributes["FilterPolicy"] == "" || attributes["FilterPolicyScope"] == "MessageBody" {
		return nil
	}
	var names map[string]any
	if err := json.Unmarshal([]byte(attributes["FilterPolicy"]), &names); err != nil {
		return invalid("FilterPolicy: failed to parse JSON.")
	}
	for _, value := range names {
		if _, nested := value.(map[string]any); nested {
			return invalid("FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy")
		}
	}
	return nil
}

func deadLetterOf(policy string) string {
	var p struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if json.Unmarshal([]byte(policy), &p) != nil {
		return ""
	}
	if a, err := arn.Parse(p.Target); err != nil || a.Service != "sqs" {
		return ""
	}
	return p.Target
}

// confirmation is what a token says.
type confirmation struct {
	Subscription string    `json:"s"`
	Until        time.Time `json:"u"`
}

const confirmWithin = 3 * 24 * time.Hour

// askToConfirm sends an endpoint the token with which it confirms its subscription.
func (s *Service) askToConfirm(ctx context.Context, tx *state.Tx, k *signer, t state.Topic, sub state.Subscription) error {
	token := s.Pages.Seal("sns:confirm:"+t.ARN, confirmation{sub.ARN, tx.Now.Time().Add(confirmWithin)})
	token = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(token)
	m := message{
		Type: "SubscriptionConfirmation", MessageID: uuid.NewString(), Token: token, TopicARN: t.ARN,
		Message:      "You have chosen to subscribe to the topic " + t.ARN + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
		SubscribeURL: s.link("Action", "ConfirmSubscription", "TopicArn", t.ARN, "Token", token), Timestamp: stamp(tx.Now),
	}
	if err := s.sign(k, t, &m); err != nil {
		return err
	}
	return s.deliver(ctx, tx, t, sub, m, false, nil)
}

func (s *Service) openToken(topicARN, token string) (string, error) {
	var v confirmation
	sealed := strings.NewReplacer("-", "+", "_", "/").Replace(token)
	if n := len(sealed) % 4; n != 0 {
		sealed += strings.Repeat("=", 4-n)
	}
	if err := s.Pages.Open("sns:confirm:"+topicARN, sealed, &v); err != nil {
		return "", invalid("Token")
	}
	if s.Clock.Now().After(v.Until) {
		return "", invalid("Token Reason: it has expired")
	}
	return v.Subscription, nil
}

// ConfirmSubscription confirms a subscription by the token that its endpoint got.
func (s *Service) ConfirmSubscription(ctx context.Context, _ *api.Caller, in *sns.ConfirmSubscriptionInput) (*sns.ConfirmSubscriptionOutput, error) {
	return s.confirm(ctx, *in.TopicArn, *in.Token, aws.ToString(in.AuthenticateOnUnsubscribe) == "true")
}

func (s *Service) confirm(ctx context.Context, topicARN, token string, authenticated bool) (*sns.ConfirmSubscriptionOutput, error) {
	subscription, err := s.openToken(topicARN, token)
	if err != nil {
		return nil, err
	}
	return &sns.ConfirmSubscriptionOutput{SubscriptionArn: &subscription}, s.changeSubscription(ctx, subscription, func(sub *state.Subscription) error {
		if sub.Pending {
			sub.Pending, sub.Authenticated = false, authenticated
		}
		return nil
	})
}

func (s *Service) changeSubscription(ctx context.Context, subscription string, fn func(sub *state.Subscription) error) error {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		sub, err := tx.Subscription(ctx, subscription)
		if err != nil {
			return err
		}
		if err := fn(&sub); err != nil {
			return err
		}
		return tx.UpdateSubscription(ctx, sub)
	})
	if errors.Is(err, state.ErrNotFound) {
		return noSubscription()
	}
	return err
}

// subscription finds a subscription with what it takes to be allowed something with it: its subscriber has the rights of
// its own account, others what the topic gives them.
func (s *Service) subscription(ctx context.Context, c *api.Caller, action string, name *string) (sub state.Subscription, accesses []api.Access, err error) {
	if a, err := arn.Parse(aws.ToString(name)); err != nil || a.Service != "sns" || strings.Count(a.Resource, ":") != 1 {
		return sub, nil, invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not %d", len(strings.Split(aws.ToString(name), ":")))
	}
	var t state.Topic
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if sub, err = tx.Subscription(ctx, *name); err != nil {
			return err
		}
		t, err = tx.Topic(ctx, sub.TopicARN)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return sub, nil, noSubscription()
	}
	if sub.AccountID == c.AccountID {
		return sub, []api.Access{{Action: "sns:" + action, Resource: sub.TopicARN}}, err
	}
	return sub, []api.Access{access(t, action)}, err
}

func (s *Service) unsubscribeAccess(ctx context.Context, c *api.Caller, in *sns.UnsubscribeInput) ([]api.Access, error) {
	_, accesses, err := s.subscription(ctx, c, "Unsubscribe", in.SubscriptionArn)
	if api.Code(err) == "NotFound" {
		return nil, nil // it is gone
	}
	return accesses, err
}

// Unsubscribe removes a subscription. One that is gone is no error.
func (s *Service) Unsubscribe(ctx context.Context, _ *api.Caller, in *sns.UnsubscribeInput) (*sns.UnsubscribeOutput, error) {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteSubscription(ctx, *in.SubscriptionArn) })
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	return &sns.UnsubscribeOutput{}, err
}

func (s *Service) getSubscriptionAccess(ctx context.Context, c *api.Caller, in *sns.GetSubscriptionAttributesInput) ([]api.Access, error) {
	_, accesses, err := s.subscription(ctx, c, "GetSubscriptionAttributes", in.SubscriptionArn)
	return accesses, err
}

// GetSubscriptionAttributes tells all attributes of a subscription.
func (s *Service) GetSubscriptionAttributes(ctx context.Context, c *api.Caller, in *sns.GetSubscriptionAttributesInput) (*sns.GetSubscriptionAttributesOutput, error) {
	sub, _, err := s.subscription(ctx, c, "GetSubscriptionAttributes", in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"SubscriptionArn": sub.ARN, "TopicArn": sub.TopicARN, "Owner": sub.AccountID, "Protocol": sub.Protocol, "Endpoint": sub.Endpoint,
		"PendingConfirmation": strconv.FormatBool(sub.Pending), "ConfirmationWasAuthenticated": strconv.FormatBool(!sub.Pending && (!posts(sub) || sub.Authenticated)),
		"RawMessageDelivery": "false",
	}
	if posts(sub) {
		all["EffectiveDeliveryPolicy"] = effectiveDelivery
	}
	if sub.Attributes["FilterPolicy"] != "" {
		all["FilterPolicyScope"] = "MessageAttributes"
	}
	maps.Copy(all, sub.Attributes)
	return &sns.GetSubscriptionAttributesOutput{Attributes: all}, nil
}

func (s *Service) setSubscriptionAccess(ctx context.Context, c *api.Caller, in *sns.SetSubscriptionAttributesInput) ([]api.Access, error) {
	_, accesses, err := s.subscription(ctx, c, "SetSubscriptionAttributes", in.SubscriptionArn)
	return accesses, err
}

// SetSubscriptionAttributes sets one attribute of a subscription.
func (s *Service) SetSubscriptionAttributes(ctx context.Context, _ *api.Caller, in *sns.SetSubscriptionAttributesInput) (*sns.SetSubscriptionAttributesOutput, error) {
	return &sns.SetSubscriptionAttributesOutput{}, s.changeSubscription(ctx, *in.SubscriptionArn, func(sub *state.Subscription) error {
		if err := setSubscriptionAttribute(sub, *in.AttributeName, aws.ToString(in.AttributeValue)); err != nil {
			return err
		}
		return checkFilter(sub.Attributes)
	})
}

// ListSubscriptions lists the subscriptions of the caller's account.
func (s *Service) ListSubscriptions(ctx context.Context, c *api.Caller, in *sns.ListSubscriptionsInput) (*sns.ListSubscriptionsOutput, error) {
	list, next, err := s.list(ctx, "sns:ListSubscriptions:"+c.AccountID+":"+c.Region, in.NextToken, func(ctx context.Context, tx *state.Tx, after string) ([]state.Subscription, error) {
		return tx.Subscriptions(ctx, c.AccountID, c.Region, after, pageSize+1)
	})
	return &sns.ListSubscriptionsOutput{Subscriptions: list, NextToken: next}, err
}

// ListSubscriptionsByTopic lists the subscriptions of a topic.
func (s *Service) ListSubscriptionsByTopic(ctx context.Context, _ *api.Caller, in *sns.ListSubscriptionsByTopicInput) (*sns.ListSubscriptionsByTopicOutput, error) {
	list, next, err := s.list(ctx, "sns:ListSubscriptionsByTopic:"+*in.TopicArn, in.NextToken, func(ctx context.Context, tx *state.Tx, after string) ([]state.Subscription, error) {
		return tx.TopicSubscriptions(ctx, *in.TopicArn, after, pageSize+1)
	})
	return &sns.ListSubscriptionsByTopicOutput{Subscriptions: list, NextToken: next}, err
}

func (s *Service) list(ctx context.Context, scope string, token *string, read func(context.Context, *state.Tx, string) ([]state.Subscription, error)) ([]types.Subscription, *string, error) {
	after, err := s.Pages.After(scope, token, "InvalidParameter")
	if err != nil {
		return nil, nil, err
	}
	var subs []state.Subscription
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		subs, err = read(ctx, tx, after)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	subs, next := page.Cut(subs, pageSize, func(sub state.Subscription) string { return sub.ARN })
	var list []types.Subscription
	for _, sub := range subs {
		shown := types.Subscription{SubscriptionArn: &sub.ARN, TopicArn: &sub.TopicARN, Owner: &sub.AccountID, Protocol: &sub.Protocol, Endpoint: &sub.Endpoint}
		if sub.Pending {
			shown.SubscriptionArn = aws.String("PendingConfirmation")
		}
		list = append(list, shown)
	}
	return list, s.Pages.Next(scope, next), nil
}

// Links is where subscribers follow the links in their messages, without a signature: to confirm, to unsubscribe, and to the
// certificate that the messages are signed with.
const Links = "/_strongroom/sns/"

func (s *Service) link(pairs ...string) string {
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return s.Endpoint() + Links + "?" + query.Encode()
}

// ServeHTTP answers at [Links].
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var err error
	switch {
	case r.URL.Path == Links+certificateName:
		s.serveCertificate(w, r)
		return
	case query.Get("Action") == "ConfirmSubscription":
		_, err = s.confirm(r.Context(), query.Get("TopicArn"), query.Get("Token"), query.Get("AuthenticateOnUnsubscribe") == "true")
	case query.Get("Action") == "Unsubscribe":
		err = s.unsubscribe(r.Context(), query.Get("Token"))
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		status := http.StatusInternalServerError
		if e, ok := errors.AsType[*api.Error](err); ok {
			status = e.HTTPStatus()
		}
		http.Error(w, api.Code(err), status)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// unsubscribe removes the subscription that a link in one of its messages names.
func (s *Service) unsubscribe(ctx context.Context, token string) error {
	var subscription string
	if err := s.Pages.Open("sns:unsubscribe", token, &subscription); err != nil {
		return invalid("Token")
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		sub, err := tx.Subscription(ctx, subscription)
		if err != nil {
			return err
		}
		if sub.Authenticated {
			return api.Errorf("AuthorizationError", "Unsubscribing needs authentication.").WithStatus(http.StatusForbidden)
		}
		return tx.DeleteSubscription(ctx, sub.ARN)
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}
