package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	// interval is how often trails deliver, on average what AWS does.
	interval = 5 * time.Minute
	// maxBatch is the number of events that one delivery looks at.
	maxBatch = 20_000
)

// Start has trails deliver every five minutes of the service's clock until Close.
func (s *Service) Start(ctx context.Context) error {
	if err := s.Recorder.readInterests(ctx); err != nil {
		return fmt.Errorf("reading the trails: %w", err)
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		for next := s.Clock.Now().Add(interval); ; {
			due, stop := s.Clock.Until(next)
			select {
			case <-ctx.Done():
				stop()
				return
			case <-due:
			}
			stop()
			next = s.Clock.Now().Add(interval) // of when the delivery begins
			s.Deliver(ctx)
		}
	}()
	return nil
}

// Close ends the deliveries that Start began. What is not delivered is by the next process.
func (s *Service) Close() error {
	if s.cancel != nil {
		s.cancel()
		<-s.ended
	}
	return nil
}

// Deliver writes what every trail has not delivered yet of what happened until now, and its digests where they are due. What
// fails is told by the trail's status and is tried again the next time.
func (s *Service) Deliver(ctx context.Context) {
	s.Recorder.Flush(ctx)
	var all []state.Trail
	var last int64
	err := errors.Join(s.Recorder.readInterests(ctx), s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if last, err = tx.LastEvent(ctx); err != nil {
			return err
		}
		all, err = tx.Trails(ctx)
		return err
	}))
	for _, t := range all {
		err = errors.Join(err, s.deliverTrail(ctx, t.ARN, last))
	}
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "delivering trails", slog.Any("error", err))
	}
}

// deliverTrail brings one trail up to the event of number last: what comes meanwhile waits for the next time, so that a
// delivery ends however much happens. Whoever wants to change a trail waits for no more than one trail's delivery. Its errors
// are those of the store; what the bucket says goes into the status.
func (s *Service) deliverTrail(ctx context.Context, arn string, last int64) error {
	s.delivering.Lock()
	defer s.delivering.Unlock()
	var t state.Trail
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		t, err = tx.Trail(ctx, arn)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	for {
		more, err := s.plan(ctx, &t, last)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := s.deliver(ctx, &t); err != nil {
			return s.keepStatus(ctx, t)
		}
	}
	if !t.Validation || !t.Logging {
		return nil
	}
	return s.digest(ctx, t)
}

func (s *Service) keepStatus(ctx context.Context, t state.Trail) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.UpdateTrail(ctx, t) })
}

// plan fixes up to which event the next delivery goes, before the first file is written: a delivery that a crash cut off is
// made again with the same files, so that no event is delivered twice or lost.
func (s *Service) plan(ctx context.Context, t *state.Trail, last int64) (more bool, err error) {
	if t.Planned != 0 {
		return true, nil
	}
	to := t.Until
	if t.Logging {
		to = last
	}
	if to = min(to, t.Delivered+maxBatch); to <= t.Delivered {
		return false, nil
	}
	t.Planned, t.PlannedAt = to, state.MicrosOf(s.Clock.Now())
	return true, s.keepStatus(ctx, *t)
}

// A logFile is what one delivery has of one account and Region.
type logFile struct {
	account, region string
	records         []json.RawMessage
	oldest, newest  state.Micros
}

// deliver writes the planned files.
func (s *Service) deliver(ctx context.Context, t *state.Trail) error {
	files, err := s.collect(ctx, *t)
	if err != nil {
		return err
	}
	var delivered []state.TrailFile
	for _, f := range files {
		written, err := s.write(ctx, *t, f)
		if err != nil {
			t.Status.AttemptAt, t.Status.DeliveryError = state.MicrosOf(s.Clock.Now()), deliveryError(err)
			return err
		}
		delivered = append(delivered, written)
	}
	if len(delivered) > 0 {
		t.Status.AttemptAt = state.MicrosOf(s.Clock.Now())
		t.Status.DeliveryAt, t.Status.DeliveryError = t.Status.AttemptAt, ""
		s.notify(ctx, t, delivered)
	}
	t.Delivered, t.Planned = t.Planned, 0
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, f := range delivered {
			if !t.Validation {
				break
			}
			if err := tx.PutTrailFile(ctx, f); err != nil {
				return err
			}
		}
		return tx.UpdateTrail(ctx, *t)
	})
}

// collect reads the planned events that the trail has, by account and Region.
func (s *Service) collect(ctx context.Context, t state.Trail) ([]*logFile, error) {
	var events []state.Event
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		accounts, err := accountsOf(ctx, tx, t)
		if err != nil {
			return err
		}
		events, err = tx.EventsAfter(ctx, accounts, t.Delivered, t.Planned, maxBatch)
		return err
	})
	if err != nil {
		return nil, err
	}
	byPlace := map[string]*logFile{}
	for _, e := range events {
		var d document
		if err := json.Unmarshal([]byte(e.Document), &d); err != nil {
			return nil, fmt.Errorf("reading the record %s: %w", e.ID, err)
		}
		if !covers(t, e) || !wants(t.Selectors, e, d) {
			continue
		}
		place := e.AccountID + "/" + e.Region
		f := byPlace[place]
		if f == nil {
			f = &logFile{account: e.AccountID, region: e.Region, oldest: e.At, newest: e.At}
			byPlace[place] = f
		}
		f.records = append(f.records, json.RawMessage(e.Document))
		f.oldest, f.newest = min(f.oldest, e.At), max(f.newest, e.At)
	}
	var files []*logFile
	for _, place := range slices.Sorted(maps.Keys(byPlace)) {
		files = append(files, byPlace[place])
	}
	return files, nil
}

// covers reports whether a trail is for an event's Region: its home, or all of them. Those of global services are recorded in
// us-east-1 and belong to every trail that includes them.
func covers(t state.Trail, e state.Event) bool {
	if e.Region == globalRegion && globalSources[e.Source] {
		return t.GlobalEvents
	}
	return t.MultiRegion || e.Region == t.Region
}

// globalSources are the services that are recorded in us-east-1 wherever they are called.
var globalSources = map[string]bool{"iam.amazonaws.com": true, "organizations.amazonaws.com": true, "sts.amazonaws.com": true}

// write puts one log file into the bucket. Its name follows from the plan, so that writing it again replaces it.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
func (s *Service) write(ctx context.Context, t state.Trail, f *logFile) (state.TrailFile, error) {
	content, err := json.Marshal(map[string][]json.RawMessage{"Records": f.records})
	if err != nil {
		return state.TrailFile{}, err
	}
	at := t.PlannedAt.Time().UTC()
	unique := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s %s", t.ARN, t.CreatedAt, t.Planned, f.account, f.region))
	key := fmt.Sprintf("%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", folder(t, f.account), f.region, at.Format("2006/01/02"),
		f.account, f.region, at.Format("20060102T1504Z"), base32.StdEncoding.EncodeToString(unique[:10]))
	if err := s.put(ctx, t, object(t, key), content); err != nil {
		return state.TrailFile{}, err
	}
	hash := sha256.Sum256(content)
	return state.TrailFile{
		TrailARN: t.ARN, AccountID: f.account, Region: f.region, Bucket: t.Bucket, Object: key, Hash: hex.EncodeToString(hash[:]),
		Oldest: f.oldest, Newest: f.newest, DeliveredAt: t.PlannedAt,
	}, nil
}

// put compresses content and writes it for the trail.
func (s *Service) put(ctx context.Context, t state.Trail, in *s3.PutObjectInput, content []byte) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(content); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	in.Body = bytes.NewReader(packed.Bytes())
	in.ContentLength = new(int64(packed.Len()))
	_, err := api.Call[s3.PutObjectOutput](ctx, s.Door, caller(t), in)
	return err
}

// notify tells the trail's topic of new files. A topic that refuses does not hold up the trail.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/configure-sns-notifications-for-cloudtrail.html
func (s *Service) notify(ctx context.Context, t *state.Trail, files []state.TrailFile) {
	if t.TopicARN == "" {
		return
	}
	now := state.MicrosOf(s.Clock.Now())
	t.Status.NotificationTryAt, t.Status.NotificationError = now, ""
	for _, f := range files {
		message, err := json.Marshal(map[string]any{"s3Bucket": f.Bucket, "s3ObjectKey": []string{f.Object}})
		if err == nil {
			_, err = api.Call[sns.PublishOutput](ctx, s.Door, caller(*t).In(keyRegion(t.TopicARN)), &sns.PublishInput{TopicArn: &t.TopicARN, Message: new(string(message))})
		}
		if err != nil {
			t.Status.NotificationError = deliveryError(err)
			return
		}
	}
	t.Status.NotificationAt = now
}

// deliveryError is the code that a status shows.
func deliveryError(err error) string {
	if code := api.Code(err); code != "" {
		return code
	}
	return "InternalFailure"
}
