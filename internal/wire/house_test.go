package wire_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/wire"
)

const (
	testKey    = "AKIAIOSFODNN7EXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	testToken  = "session-token/of+some=length"
	account    = "111111111111"
)

// house is a handler over toy services, behind a real server.
type house struct {
	URL  string
	Door *api.Door
	Wall *clock.Shifted
	log  *records
}

// records notes who called what.
type records struct {
	mu   sync.Mutex
	seen []api.Record
}

func (r *records) Record(_ context.Context, record *api.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, *record)
}

func (h *house) calls() []api.Record {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	return append([]api.Record(nil), h.log.seen...)
}

type everything struct{}

func (everything) Authorize(context.Context, *api.Caller, ...api.Access) error { return nil }

// keys knows one long-term key, one session and one session that is over.
type keys struct{}

func (keys) Lookup(_ context.Context, id, token string) (string, api.Caller, error) {
	caller := api.Caller{AccountID: account, ARN: "arn:aws:iam::" + account + ":user/tester", UserID: "AIDATESTER"}
	switch {
	case id == testKey && token == "", id == "ASIASESSION" && token == testToken:
		return testSecret, caller, nil
	case id == "ASIAOVER":
		return "", api.Caller{}, api.Errorf("ExpiredToken", "over")
	}
	return "", api.Caller{}, api.Errorf("InvalidClientTokenId", "unknown")
}

// newHouse serves the given services.
func newHouse(t testing.TB, services ...*api.Service) *house {
	t.Helper()
	h := &house{log: &records{}, Wall: clock.NewShifted(0)}
	h.Door = api.NewDoor(everything{}, h.log)
	for _, s := range services {
		h.Door.Register(s)
	}
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: h.Door, Credentials: keys{}, Wall: h.Wall}))
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

// config is an SDK configuration that calls the house.
func (h *house) config() aws.Config {
	return aws.Config{
		Region:                     "eu-central-1",
		BaseEndpoint:               aws.String(h.URL),
		Credentials:                credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		Retryer:                    func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// op is a row whose method is fn, open to everybody.
func op[In, Out any](route string, fn func(*In) (*Out, error)) api.Operation {
	return api.Op(route, func(_ context.Context, _ *api.Caller, in *In) (*Out, error) { return fn(in) }, nil)
}

// echo is a row that keeps its input in got and answers with out.
func echo[In, Out any](route string, got *In, out *Out) api.Operation {
	return op(route, func(in *In) (*Out, error) { *got = *in; return out, nil })
}

// at is a time with milliseconds, which all protocols keep.
var at = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

func asError[T error](err error, target *T) bool { return errors.As(err, target) }
