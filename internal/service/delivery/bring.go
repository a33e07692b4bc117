package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// bring makes one attempt, and keeps what came of it. Its error is one of our own store.
func (o *Outbox) bring(ctx context.Context, d state.Delivery) error {
	err := o.open(&d)
	if err == nil {
		err = o.send(ctx, d)
	}
	if ctx.Err() != nil {
		return ctx.Err() // the attempt was cut off; the next start makes it again
	}
	if err == nil {
		return o.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return ignoreGone(tx.DeleteDelivery(ctx, d.ID)) })
	}
	d.Attempts++
	now := state.MicrosOf(o.Clock.Now())
	why := ""
	switch {
	case Permanent(err):
		why = "permanent"
	case d.Attempts > d.Most:
		why = "MaximumRetryAttempts"
	case now >= d.ExpiresAt:
		why = "MaximumEventAgeInSeconds"
	}
	if why == "" {
		d.NextAt = min(now+pauseAfter(d.Attempts), max(d.ExpiresAt, now+1))
		return o.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return ignoreGone(tx.UpdateDelivery(ctx, d)) })
	}
	o.Log.WarnContext(ctx, "a delivery was given up", slog.String("source", d.SourceARN), slog.String("target", d.TargetARN),
		slog.Int64("attempts", d.Attempts), slog.String("dead_letter", d.DeadLetter), slog.String("error", err.Error()))
	return o.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if gone := tx.DeleteDelivery(ctx, d.ID); gone != nil || d.DeadLetter == "" {
			return ignoreGone(gone)
		}
		return o.Put(ctx, tx, deadLetter(d, why, err))
	})
}

func ignoreGone(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// pauseAfter is the pause after an attempt: a second at first, twice as long each time, at most five minutes.
func pauseAfter(attempts int64) state.Micros {
	return state.Micros(min(time.Second<<min(attempts-1, 20), 5*time.Minute).Microseconds())
}

// Permanent reports whether trying again is of no use: the target is not there, or does not admit the sender.
func Permanent(err error) bool {
	return api.Refused(err) != nil
}

// deadLetter is the delivery of what could not be delivered, with what became of it.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func deadLetter(d state.Delivery, why string, err error) state.Delivery {
	code, message := api.Code(err), err.Error()
	if e, ok := errors.AsType[*api.Error](err); ok {
		message = e.Message
	}
	if code == "" {
		code = "InternalError"
	}
	attributes := map[string]state.MessageAttribute{
		"ERROR_CODE": text(errorCode(err)), "ERROR_MESSAGE": text(message), "RETRY_ATTEMPTS": {DataType: "Number", StringValue: strconv.FormatInt(d.Attempts-1, 10)},
	}
	if why != "permanent" {
		attributes["EXHAUSTED_RETRY_CONDITION"] = text(why)
	}
	if len(d.DeadLetterAttributes) == 0 {
		attributes = map[string]state.MessageAttribute{"ErrorCode": text(code), "ErrorMessage": text(message), "RequestID": text(d.ID)}
	}
	maps.Copy(attributes, d.DeadLetterAttributes)
	return state.Delivery{
		Principal: d.Principal, AccountID: d.AccountID, Region: d.Region, SourceARN: d.SourceARN, TargetARN: d.DeadLetter,
		DeliveryContent: state.DeliveryContent{Message: d.Message, Attributes: attributes, GroupID: d.GroupID, DeduplicationID: d.DeduplicationID},
	}
}

// errRole is the refusal of the role that was to deliver.
var errRole = errors.New("the role cannot be assumed")

// errorCode is the word of EventBridge's dead-letter queues for an error.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func errorCode(err error) string {
	e, ok := errors.AsType[*api.Error](err)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(e.Code, word) })
	}
	switch {
	case errors.Is(err, errRole):
		return "FAILED_TO_ASSUME_ROLE"
	case !ok || e.HTTPStatus() >= http.StatusInternalServerError:
		return "INTERNAL_ERROR"
	case has("AccessDenied", "AuthorizationError"):
		return "NO_PERMISSIONS"
	case has("NotFound", "NonExistentQueue", "DoesNotExist"):
		return "NO_RESOURCE"
	case has("Throttl"):
		return "THROTTLING"
	case has("InvalidParameter"):
		return "INVALID_PARAMETER"
	}
	return "SDK_CLIENT_ERROR"
}

func text(value string) state.MessageAttribute {
	return state.MessageAttribute{DataType: "String", StringValue: value}
}

// send makes one attempt.
func (o *Outbox) send(ctx context.Context, d state.Delivery) error {
	if !strings.HasPrefix(d.TargetARN, "arn:") {
		return o.Post(ctx, d)
	}
	target, err := arn.Parse(d.TargetARN)
	if err != nil {
		return api.Errorf("InvalidTarget", "%s", err.Error())
	}
	c, err := o.caller(ctx, d, target)
	if err != nil {
		return err
	}
	switch target.Service {
	case "sqs":
		return o.sendToQueue(ctx, c, d, target)
	case "sns":
		return o.sendToTopic(ctx, c, d)
	case "lambda":
		return o.invoke(ctx, c, d)
	case "events":
		return o.PutOnBus(ctx, c, d.TargetARN, d.Message)
	}
	return api.NotImplemented("a delivery to " + target.Service).WithStatus(http.StatusBadRequest)
}

// caller is who delivers: the role, the service for the source's account, or to an event bus the account itself, which is
// what bus policies name.
func (o *Outbox) caller(ctx context.Context, d state.Delivery, target arn.ARN) (*api.Caller, error) {
	var c *api.Caller
	switch {
	case d.RoleARN != "":
		service := api.ServiceCaller(d.Principal, d.AccountID, d.Region)
		service.SourceARN = d.SourceARN
		assumed, err := o.AssumeForService(ctx, service, d.RoleARN, "delivery-"+d.ID)
		if err != nil {
			if Permanent(err) {
				err = fmt.Errorf("%w: %w", errRole, err)
			}
			return nil, fmt.Errorf("assuming %s: %w", d.RoleARN, err)
		}
		c = assumed
	case target.Service == "events":
		c = &api.Caller{AccountID: d.AccountID, ARN: "arn:aws:iam::" + d.AccountID + ":root", UserID: d.AccountID, InvokedBy: d.Principal, Secure: true}
	default:
		c = api.ServiceCaller(d.Principal, d.AccountID, d.Region)
	}
	c = c.In(target.Region)
	c.SourceARN, c.Date = d.SourceARN, o.Clock.Now()
	return c, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (o *Outbox) sendToQueue(ctx context.Context, c *api.Caller, d state.Delivery, target arn.ARN) error {
	in := &sqs.SendMessageInput{
		QueueUrl: new("/" + target.AccountID + "/" + target.Resource), MessageBody: &d.Message, DelaySeconds: -1, // the queue's own
		MessageGroupId: optional(d.GroupID), MessageDeduplicationId: optional(d.DeduplicationID),
	}
	if !strings.HasSuffix(target.Resource, ".fifo") {
		in.MessageDeduplicationId = nil
	}
	for name, a := range d.Attributes {
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: &a.DataType, StringValue: optional(a.StringValue), BinaryValue: a.BinaryValue}
	}
	_, err := api.Call[sqs.SendMessageOutput](ctx, o.Door, c, in)
	return err
}

// invoke leaves a function an event, which it works on by itself.
func (o *Outbox) invoke(ctx context.Context, c *api.Caller, d state.Delivery) error {
	_, err := api.Call[lambda.InvokeOutput](ctx, o.Door, c, &lambda.InvokeInput{
		FunctionName: &d.TargetARN, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(d.Message),
	})
	return err
}

func (o *Outbox) sendToTopic(ctx context.Context, c *api.Caller, d state.Delivery) error {
	in := &sns.PublishInput{
		TopicArn: &d.TargetARN, Message: &d.Message, Subject: optional(d.Subject),
		MessageGroupId: optional(d.GroupID), MessageDeduplicationId: optional(d.DeduplicationID),
	}
	for name, a := range d.Attributes {
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]snstypes.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = snstypes.MessageAttributeValue{DataType: &a.DataType, StringValue: optional(a.StringValue), BinaryValue: a.BinaryValue}
	}
	_, err := api.Call[sns.PublishOutput](ctx, o.Door, c, in)
	return err
}
