package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"strongroom/arn"
	"strongroom/iampolicy"
	"strongroom/internal/state"
)

// number is an attribute that is a number within bounds.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
type number struct{ least, most, usual int64 }

var numbers = map[string]number{
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, maxMessage, maxMessage},
	"MessageRetentionPeriod":        {60, 1209600, 345600},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"VisibilityTimeout":             {0, maxVisibility, 30},
	"KmsDataKeyReusePeriodSeconds":  {60, 86400, 300},
}

const (
	maxMessage    = 1 << 20
	maxVisibility = 43200
)

// choices are the attributes that have few values, the usual one first. Those of FIFO queues other queues do not have.
var choices = map[string][]string{
	"SqsManagedSseEnabled":      {"true", "false"},
	"FifoQueue":                 {"false", "true"},
	"ContentBasedDeduplication": {"false", "true"},
	"DeduplicationScope":        {"queue", "messageGroup"},
	"FifoThroughputLimit":       {"perQueue", "perMessageGroupId"},
}

var fifoAttributes = []string{"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

// readOnly are the attributes that GetQueueAttributes computes.
var readOnly = []string{
	"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
	"CreatedTimestamp", "LastModifiedTimestamp", "QueueArn",
}

// numberOf is the value of an attribute that is a number.
func numberOf(q state.Queue, name string) int64 {
	n, err := strconv.ParseInt(q.Attributes[name], 10, 64)
	if err != nil {
		return numbers[name].usual
	}
	return n
}

func seconds(n int64) state.Micros { return state.Micros(n) * 1e6 }

func retentionOf(q state.Queue) state.Micros {
	return seconds(numberOf(q, "MessageRetentionPeriod"))
}

func fifo(q state.Queue) bool { return strings.HasSuffix(q.Name, ".fifo") }

// redrive is the value of RedrivePolicy.
type redrive struct {
	DeadLetterTargetARN string `json:"deadLetterTargetArn"`
	MaxReceiveCount     count  `json:"maxReceiveCount"`
}

// count is a number that may be spelled as a text.
type count int64

func (n *count) UnmarshalJSON(text []byte) error {
	parsed, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	*n = count(parsed)
	return err
}

func redriveOf(q state.Queue) (redrive, bool) {
	var r redrive
	if q.Attributes["RedrivePolicy"] == "" || json.Unmarshal([]byte(q.Attributes["RedrivePolicy"]), &r) != nil {
		return r, false
	}
	return r, true
}

// redriveAllow is the value of RedriveAllowPolicy.
type redriveAllow struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns"`
}

// admits reports whether a dead-letter queue takes what a queue can not deliver.
func admits(deadLetter state.Queue, sourceARN string) bool {
	var allow redriveAllow
	if text := deadLetter.Attributes["RedriveAllowPolicy"]; text == "" || json.Unmarshal([]byte(text), &allow) != nil {
		return true
	}
	return allow.Permission == "allowAll" || allow.Permission == "byQueue" && slices.Contains(allow.Sources, sourceARN)
}

// set checks attributes and writes them into q, whose row it belongs to. An empty value takes an attribute away.
func (s *Service) set(ctx context.Context, tx *state.Tx, q *state.Queue, attributes map[string]string) error {
	q.Attributes = maps.Clone(q.Attributes)
	if q.Attributes == nil {
		q.Attributes = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if err := s.setOne(ctx, tx, q, name, attributes[name]); err != nil {
			return err
		}
	}
	if fifo(*q) && q.Attributes["FifoThroughputLimit"] == "perMessageGroupId" && q.Attributes["DeduplicationScope"] != "messageGroup" {
		return invalid("The DeduplicationScope attribute must be set to messageGroup when FifoThroughputLimit is perMessageGroupId.")
	}
	return nil
}

func (s *Service) setOne(ctx context.Context, tx *state.Tx, q *state.Queue, name, value string) error {
	if slices.Contains(fifoAttributes, name) && !fifo(*q) {
		return unknownAttribute(name)
	}
	bounds, isNumber := numbers[name]
	switch {
	case name == "KmsMasterKeyId":
		delete(q.Attributes, "SqsManagedSseEnabled")
	case name == "FifoQueue":
		if value != "true" {
			return invalidAttribute(name)
		}
	case isNumber:
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < bounds.least || n > bounds.most {
			return invalidAttribute(name)
		}
	case choices[name] != nil:
		if !slices.Contains(choices[name], value) {
			return invalidAttribute(name)
		}
		if name == "SqsManagedSseEnabled" && value == "true" {
			if q.Attributes["KmsMasterKeyId"] != "" {
				return invalid("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
			}
		}
	case name == "Policy":
		if value != "" {
			if _, err := parsePolicy(value); err != nil {
				return err
			}
		}
	case name == "RedrivePolicy":
		if err := s.setRedrive(ctx, tx, q, value); err != nil {
			return err
		}
	case name == "RedriveAllowPolicy":
		if err := checkRedriveAllow(value); err != nil {
			return err
		}
	default:
		return unknownAttribute(name)
	}
	if value == "" {
		delete(q.Attributes, name)
		return nil
	}
	q.Attributes[name] = value
	return nil
}

func parsePolicy(document string) (*iampolicy.Policy, error) {
	policy, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(policy, iampolicy.Resource)
	}
	if err != nil {
		e := invalidAttribute("Policy")
		e.Err = err
		return nil, e
	}
	return policy, nil
}

// setRedrive checks a RedrivePolicy: its queue exists in the same account and Region, is of the same kind, and admits it.
func (s *Service) setRedrive(ctx context.Context, tx *state.Tx, q *state.Queue, value string) error {
	q.DeadLetter = ""
	if value == "" {
		return nil
	}
	var r redrive
	refuse := func(reason string) error { return invalidValue("RedrivePolicy", value, reason) }
	if json.Unmarshal([]byte(value), &r) != nil {
		return refuse("Redrive policy is not a valid JSON map.")
	}
	if r.DeadLetterTargetARN == "" {
		return refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	if r.MaxReceiveCount < 1 || r.MaxReceiveCount > 1000 {
		return refuse("Invalid value for maxReceiveCount: " + strconv.FormatInt(int64(r.MaxReceiveCount), 10) + ", valid values are from 1 to 1000 both inclusive.")
	}
	target, err := arn.Parse(r.DeadLetterTargetARN)
	if err != nil || target.Service != "sqs" {
		return refuse("Invalid value for deadLetterTargetArn.")
	}
	if target.AccountID != q.AccountID || target.Region != q.Region {
		return refuse("Dead-letter target owner should be same as the source.")
	}
	deadLetter, err := tx.Queue(ctx, r.DeadLetterTargetARN)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return refuse("Dead letter target does not exist.")
	case err != nil:
		return err
	case fifo(deadLetter) != fifo(*q):
		return refuse("Dead-letter queue must be same type of queue as the source.")
	case !admits(deadLetter, q.ARN):
		return refuse("Dead-letter target does not allow this queue as a source.")
	}
	q.DeadLetter = r.DeadLetterTargetARN
	return nil
}

func checkRedriveAllow(value string) error {
	if value == "" {
		return nil
	}
	var allow redriveAllow
	refuse := func(reason string) error { return invalidValue("RedriveAllowPolicy", value, reason) }
	switch {
	case json.Unmarshal([]byte(value), &allow) != nil:
		return refuse("Amazon SQS can't create the redrive allow policy, as it's not a valid JSON map.")
	case !slices.Contains([]string{"allowAll", "denyAll", "byQueue"}, allow.Permission):
		return refuse("Amazon SQS can't create the redrive allow policy, as it's not in the correct format.")
	case allow.Permission == "byQueue" && (len(allow.Sources) == 0 || len(allow.Sources) > 10):
		return refuse("Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must specify one to ten sourceQueueArns.")
	case allow.Permission != "byQueue" && len(allow.Sources) > 0:
		return refuse("Amazon SQS can't create the redrive allow policy. You can't specify sourceQueueArns with this permission type.")
	}
	return nil
}

// attributesOf are all attributes of a queue as they are told.
func attributesOf(q state.Queue, counts state.MessageCounts) map[string]string {
	all := map[string]string{
		"ApproximateNumberOfMessages":           strconv.FormatInt(counts.Visible, 10),
		"ApproximateNumberOfMessagesDelayed":    strconv.FormatInt(counts.Delayed, 10),
		"ApproximateNumberOfMessagesNotVisible": strconv.FormatInt(counts.InFlight, 10),
		"CreatedTimestamp":                      unix(q.CreatedAt),
		"LastModifiedTimestamp":                 unix(q.ModifiedAt),
		"QueueArn":                              q.ARN,
	}
	for name, n := range numbers {
		all[name] = strconv.FormatInt(n.usual, 10)
	}
	if q.Attributes["KmsMasterKeyId"] == "" {
		delete(all, "KmsDataKeyReusePeriodSeconds")
	}
	for name, values := range choices {
		if fifo(q) || !slices.Contains(fifoAttributes, name) {
			all[name] = values[0]
		}
	}
	if q.Attributes["KmsMasterKeyId"] != "" {
		all["SqsManagedSseEnabled"] = "false"
	}
	maps.Copy(all, q.Attributes)
	return all
}

func unix(m state.Micros) string { return strconv.FormatInt(m.Time().Unix(), 10) }

// millis is a time as messages tell it.
func millis(m state.Micros) string {
	return strconv.FormatInt(m.Time().UnixNano()/int64(time.Millisecond), 10)
}

// checkNames refuses names that GetQueueAttributes does not know.
func checkNames(names []string) error {
	for _, name := range names {
		known := name == "All" || slices.Contains(readOnly, name) || choices[name] != nil ||
			slices.Contains([]string{"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"}, name)
		if _, isNumber := numbers[name]; !known && !isNumber {
			return unknownAttribute(name)
		}
	}
	return nil
}
