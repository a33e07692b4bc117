package events

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
)

// envelope is an event as rules and targets see it.
type envelope struct {
	id       string
	text     string
	doc      any // text, decoded
	ingested time.Time
	sentOn   bool // came from the rule of another bus
}

// document are the fields of every event.
// https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
type document struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	AccountID  string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

func newEnvelope(accountID, region, source, detailType string, resources []string, detail []byte, at, ingested time.Time) (envelope, error) {
	d := document{
		Version: "0", ID: uuid.NewString(), DetailType: detailType, Source: source, AccountID: accountID, Time: at.UTC().Format("2006-01-02T15:04:05Z"),
		Region: region, Resources: resources, Detail: detail,
	}
	if d.Resources == nil {
		d.Resources = []string{}
	}
	text, err := spell(d)
	if err != nil {
		return envelope{}, err
	}
	doc, err := pattern.Decode([]byte(text))
	return envelope{id: d.ID, text: text, doc: doc, ingested: ingested}, err
}

// patterns keeps the parsed patterns of rules by their text.
type patterns struct {
	mu  sync.Mutex
	all map[string]*pattern.Pattern // guarded by mu
}

const mostPatterns = 10000

func (p *patterns) parse(text string) (*pattern.Pattern, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.all[text]; known != nil {
		return known, nil
	}
	parsed, err := pattern.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	if p.all == nil || len(p.all) >= mostPatterns {
		p.all = map[string]*pattern.Pattern{}
	}
	p.all[text] = parsed
	return parsed, nil
}

// put holds the rules of a bus against an event, and makes the deliveries of those that match.
func (s *Service) put(ctx context.Context, tx *state.Tx, bus arn.ARN, make func() (envelope, error)) (id string, err error) {
	all, err := tx.PatternRules(ctx, bus.String())
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return uuid.NewString(), nil // nobody will see it
	}
	e, err := make()
	if err != nil {
		return "", err
	}
	for _, r := range all {
		p, err := s.patterns.parse(r.Pattern)
		if err != nil {
			return "", err
		}
		if !p.Match(e.doc) {
			continue
		}
		if err := s.send(ctx, tx, r, e); err != nil {
			return "", err
		}
	}
	return e.id, nil
}

// send makes the deliveries of an event to the targets of a rule. What came from the rule of another bus goes to no further
// one, so nothing goes round. What no target takes goes to the dead-letter queue at once.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
func (s *Service) send(ctx context.Context, tx *state.Tx, r state.EventRule, e envelope) error {
	for _, t := range r.Targets {
		toBus := strings.Contains(*t.Arn, ":event-bus/")
		if toBus && e.sentOn {
			continue
		}
		input, err := e.text, error(nil)
		if !toBus { // from bus to bus an event goes as it is
			input, err = inputOf(t, r, e)
		}
		tooLarge := errors.Is(err, errTooLarge)
		if err != nil && !tooLarge {
			return err
		}
		d := state.Delivery{
			Principal: Principal, AccountID: r.AccountID, Region: r.Region, SourceARN: r.ARN, TargetARN: *t.Arn, RoleARN: aws.ToString(t.RoleArn),
			DeadLetter: deadLetterOf(t.DeadLetterConfig), Most: 185,
			DeliveryContent: state.DeliveryContent{Message: input, DeadLetterAttributes: map[string]state.MessageAttribute{
				"RULE_ARN": {DataType: "String", StringValue: r.ARN}, "TARGET_ARN": {DataType: "String", StringValue: *t.Arn},
			}},
		}
		if p := t.SqsParameters; p != nil {
			d.GroupID, d.DeduplicationID = aws.ToString(p.MessageGroupId), e.id+"/"+r.Name+"/"+*t.Id
			d.DeduplicationID = uuid.NewSHA1(uuid.NameSpaceURL, []byte(d.DeduplicationID)).String()
		}
		retry(t.RetryPolicy, tx.Now, &d)
		if tooLarge {
			s.Log.WarnContext(ctx, "an event was not sent", slog.String("rule", r.ARN), slog.String("target", *t.Arn), slog.String("error", err.Error()))
			if d.DeadLetter == "" {
				continue
			}
			d = refused(d, e, err)
		}
		if err := s.Deliver(ctx, tx, d); err != nil {
			return err
		}
	}
	return nil
}

// refused is the delivery of an event to the dead-letter queue, as it is, because nothing could be made of it for the target.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func refused(d state.Delivery, e envelope, err error) state.Delivery {
	attributes := map[string]state.MessageAttribute{
		"ERROR_CODE": {DataType: "String", StringValue: "INVALID_PARAMETER"}, "ERROR_MESSAGE": {DataType: "String", StringValue: err.Error()},
		"RETRY_ATTEMPTS": {DataType: "Number", StringValue: "0"},
	}
	maps.Copy(attributes, d.DeadLetterAttributes)
	return state.Delivery{
		Principal: d.Principal, AccountID: d.AccountID, Region: d.Region, SourceARN: d.SourceARN, TargetARN: d.DeadLetter,
		DeliveryContent: state.DeliveryContent{Message: e.text, Attributes: attributes, GroupID: d.GroupID, DeduplicationID: d.DeduplicationID},
	}
}

// retry sets how long and how often a delivery is tried.
func retry(p *types.RetryPolicy, now state.Micros, d *state.Delivery) {
	if p == nil {
		return
	}
	if p.MaximumRetryAttempts != nil {
		d.Most = int64(*p.MaximumRetryAttempts)
		if d.Most == 0 {
			d.Most = -1 // the first attempt is the last
		}
	}
	if p.MaximumEventAgeInSeconds != nil {
		d.ExpiresAt = now + state.Micros(*p.MaximumEventAgeInSeconds)*1e6
	}
}

// PutServiceEvent puts an event of a service's own on the default bus of its account and Region, as part of the transaction
// that decides what it tells of.
func (s *Service) PutServiceEvent(ctx context.Context, tx *state.Tx, e state.ServiceEvent) error {
	bus := arn.New("events", e.Region, e.AccountID, "event-bus/"+defaultBus)
	_, err := s.put(ctx, tx, bus, func() (envelope, error) {
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return envelope{}, err
		}
		at := e.At
		if at == 0 {
			at = tx.Now
		}
		return newEnvelope(e.AccountID, e.Region, e.Source, e.DetailType, e.Resources, detail, at.Time(), tx.Now.Time())
	})
	return err
}
