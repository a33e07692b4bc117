package copier

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// ReasonAttribute is the attribute of a dead letter that names the reason. A message that has it when it comes in was moved
// back, and is tried whatever failed before.
const ReasonAttribute = "Reason"

// longestText bounds an attribute: a message and its attributes have 256 KiB together.
const longestText = 4096

// bury makes a message a dead letter, with the reason. Until that is done, and where there is no queue for dead letters, the
// message stays where it is, and the queue's redrive policy does with it what it does.
func (c *Copier) bury(ctx context.Context, m Message, reason, text string) Verdict {
	log := c.Log.With(slog.String("message", m.ID), slog.String("reason", reason), slog.String("text", text))
	c.Metrics.Count("DeadLetters", Vault{}, 1)
	if c.Config.DeadLetterURL == "" || c.Queue == nil {
		log.ErrorContext(ctx, "the message cannot be dealt with")
		return Verdict{After: pauseAfter(m.Receives), Err: refuse(reason, "%s", text)}
	}
	attribute := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(cut(value))}
	}
	_, err := c.Queue.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &c.Config.DeadLetterURL, MessageBody: &m.Body, MessageAttributes: map[string]types.MessageAttributeValue{
		ReasonAttribute: attribute(reason), "Text": attribute(text), "MessageId": attribute(m.ID), "Receives": attribute(strconv.Itoa(m.Receives)),
	}})
	if err != nil {
		log.ErrorContext(ctx, "could not send the dead letter", slog.String("error", err.Error()))
		return Verdict{After: pauseAfter(m.Receives), Err: during("SendMessage", err)}
	}
	log.ErrorContext(ctx, "made the message a dead letter")
	return Verdict{Done: true}
}

// cut makes a text fit for an attribute, which has neither nothing in it nor too much.
func cut(text string) string {
	if text == "" {
		return "unknown"
	}
	return strings.ToValidUTF8(text[:min(len(text), longestText)], "")
}
