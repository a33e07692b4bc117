package logs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/klauspost/compress/zstd"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Bounds of a call, and of the times of events.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
const (
	maxBatch    = 1 << 20
	maxEvents   = 10000
	perEvent    = 26 // bytes that count for each event beside its message
	maxSpan     = 24 * time.Hour
	maxAhead    = 2 * time.Hour
	maxAge      = 14 * 24 * time.Hour
	maxUnsealed = 64 << 20 // of a chunk, decompressed
)

// sequenceToken is what PutLogEvents answers for clients that still pass it on. It no longer means anything.
const sequenceToken = "49590302513826838521536203157346214400000000000000000000"

// event is an event as chunks hold it.
type event struct {
	At      state.Millis `json:"t"`
	Message string       `json:"m"`
}

func sizeOf(events []event) (n int64) {
	for _, e := range events {
		n += int64(len(e.Message)) + perEvent
	}
	return n
}

// PutLogEvents takes events that are in the order of their times. Those that are too old or too far ahead are left out, and the
// answer says which.
func (s *Service) PutLogEvents(ctx context.Context, c *api.Caller, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	g, stream, err := s.stream(ctx, c, in)
	if err != nil {
		return nil, err
	}
	events, err := batchOf(in.LogEvents)
	if err != nil {
		return nil, err
	}
	var now state.Micros
	err = s.DB.View(ctx, func(_ context.Context, tx *state.Tx) error { now = tx.Now; return nil })
	if err != nil {
		return nil, err
	}
	kept, rejected := admitted(g, events, now)
	if err := s.put(ctx, stream, kept); err != nil {
		return nil, err
	}
	return &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: new(sequenceToken), RejectedLogEventsInfo: rejected}, nil
}

// batchOf checks what does not depend on the time.
func batchOf(in []types.InputLogEvent) ([]event, error) {
	events := make([]event, len(in))
	for i, e := range in {
		if events[i] = (event{state.Millis(*e.Timestamp), *e.Message}); i > 0 && events[i].At < events[i-1].At {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	switch {
	case len(events) == 0:
		return nil, invalid("Log events must not be empty.")
	case events[len(events)-1].At-events[0].At > state.Millis(maxSpan.Milliseconds()):
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	case sizeOf(events) > maxBatch:
		return nil, invalid("Upload too large: %d bytes exceeds limit of %d", sizeOf(events), maxBatch)
	}
	return events, nil
}

// admitted leaves out the events that are no longer kept, too old or too far ahead.
func admitted(g state.LogGroup, events []event, now state.Micros) (kept []event, rejected *types.RejectedLogEventsInfo) {
	expired := before(events, g.Kept(now))
	old := before(events, now.Millis()-state.Millis(maxAge.Milliseconds()))
	late := before(events, now.Millis()+state.Millis(maxAhead.Milliseconds())+1)
	var r types.RejectedLogEventsInfo
	if expired > 0 {
		r.ExpiredLogEventEndIndex = new(int32(expired)) //nolint:gosec // of 10,000 events
	}
	if old > 0 {
		r.TooOldLogEventEndIndex = new(int32(old)) //nolint:gosec // of 10,000 events
	}
	if late < len(events) {
		r.TooNewLogEventStartIndex = new(int32(late)) //nolint:gosec // of 10,000 events
	}
	if r == (types.RejectedLogEventsInfo{}) {
		return events, nil
	}
	return events[min(max(expired, old), late):late], &r
}

// before counts the events before a time.
func before(events []event, at state.Millis) int {
	n, _ := slices.BinarySearchFunc(events, at, func(e event, at state.Millis) int { return cmp.Compare(e.At, at) })
	return n
}

// put keeps the events of a call, which are in order.
func (s *Service) put(ctx context.Context, stream state.LogStream, events []event) error {
	if len(events) == 0 {
		return nil
	}
	body, err := s.seal(stream.ID, events)
	if err != nil {
		return err
	}
	err = s.write(ctx, state.LogChunk{
		GroupID: stream.GroupID, StreamID: stream.ID, FirstAt: events[0].At, LastAt: events[len(events)-1].At, Bytes: sizeOf(events), Body: body,
	})
	if errors.Is(err, state.ErrNotFound) {
		return noStream()
	}
	return err
}

func place(streamID int64) []byte { return strconv.AppendInt([]byte("log stream "), streamID, 10) }

// compressor and decompressor are used for whole chunks, and so at once.
var (
	compressor, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	decompressor, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnsealed), zstd.WithDecoderConcurrency(2))
)

// seal is how events lie in the store: bound to their stream.
func (s *Service) seal(streamID int64, events []event) ([]byte, error) {
	text, err := json.Marshal(events)
	if err != nil {
		return nil, err
	}
	return s.Seal.Seal(nil, nil, compressor.EncodeAll(text, nil), place(streamID)), nil
}

func (s *Service) unseal(streamID int64, body []byte) (events []event, err error) {
	packed, err := s.Seal.Open(nil, nil, body, place(streamID))
	if err != nil {
		return nil, fmt.Errorf("opening events of a log: %w", err)
	}
	text, err := decompressor.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("opening events of a log: %w", err)
	}
	return events, json.Unmarshal(text, &events)
}

// Event is what a part of the house logs.
type Event struct {
	At      time.Time
	Message string
}

// Put writes events into a stream, which is made with its group if it is not there. Nobody is asked whether that is allowed:
// the caller has, for whom it logs.
func (s *Service) Put(ctx context.Context, accountID, region, group, stream string, events []Event) error {
	all := make([]event, 0, len(events))
	for _, e := range events {
		if e.Message != "" {
			all = append(all, event{state.MillisOf(e.At), e.Message})
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.At, b.At) })
	into, err := s.ensure(ctx, accountID, region, group, stream)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		n := batchEnd(all)
		if err := s.put(ctx, into, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// batchEnd is how many events go into one chunk: one at least, and no more than a call could bring.
func batchEnd(events []event) int {
	size := int64(0)
	for i, e := range events {
		size += int64(len(e.Message)) + perEvent
		if i > 0 && (i == maxEvents || size > maxBatch || e.At-events[0].At > state.Millis(maxSpan.Milliseconds())) {
			return i
		}
	}
	return len(events)
}

// ensure is a stream, which is made with its group if it is not there.
func (s *Service) ensure(ctx context.Context, accountID, region, group, name string) (stream state.LogStream, err error) {
	find := func(ctx context.Context, tx *state.Tx) error {
		g, err := tx.LogGroup(ctx, accountID, region, group)
		if err != nil {
			return err
		}
		stream, err = tx.LogStream(ctx, g.ID, name)
		return err
	}
	if err = s.DB.View(ctx, find); !errors.Is(err, state.ErrNotFound) {
		return stream, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		err := tx.InsertLogGroup(ctx, state.LogGroup{AccountID: accountID, Region: region, Name: group, Class: string(types.LogGroupClassStandard), CreatedAt: tx.Now.Millis()})
		if err != nil && !errors.Is(err, state.ErrExists) {
			return err
		}
		g, err := tx.LogGroup(ctx, accountID, region, group)
		if err != nil {
			return err
		}
		if err := tx.InsertLogStream(ctx, state.LogStream{GroupID: g.ID, Name: name, CreatedAt: tx.Now.Millis()}); err != nil && !errors.Is(err, state.ErrExists) {
			return err
		}
		return find(ctx, tx)
	})
	return stream, err
}
