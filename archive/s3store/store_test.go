package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/archive/s3store"
)

// serve gives a store in the bucket that a handler serves.
func serve(t *testing.T, handler http.Handler, opts s3store.Options) *s3store.Store {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		Retryer:     aws.NopRetryer{}, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	return s3store.New(client, "bucket", opts)
}

func TestStore(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() (http.Handler, s3store.Options){
		"plain":          func() (http.Handler, s3store.Options) { return &archivetest.S3{}, s3store.Options{} },
		"with a prefix":  func() (http.Handler, s3store.Options) { return &archivetest.S3{}, s3store.Options{Prefix: "deep/er/"} },
		"pages of two":   func() (http.Handler, s3store.Options) { return &archivetest.S3{PageSize: 2}, s3store.Options{} },
		"without ranges": func() (http.Handler, s3store.Options) { return &archivetest.S3{NoRanges: true}, s3store.Options{} },
		"without conditions": func() (http.Handler, s3store.Options) {
			return &archivetest.S3{Unconditional: true}, s3store.Options{SoleWriter: true}
		},
		"over a flaky network": func() (http.Handler, s3store.Options) {
			return &archivetest.Flaky{Service: &archivetest.S3{}, Choose: archivetest.Random(7, 30)}, s3store.Options{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archivetest.TestStore(t, func(t *testing.T) archive.Store {
				handler, opts := open()
				return serve(t, handler, opts)
			})
		})
	}
}

func TestUnconditionalStoreIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, &archivetest.S3{Unconditional: true}, s3store.Options{})
	if err := s.Create(t.Context(), "a", nil); !errors.Is(err, s3store.ErrUnconditional) {
		t.Errorf("creating: %v, want ErrUnconditional", err)
	}
	if names, err := archivetest.Names(t.Context(), s, ""); err != nil || len(names) > 0 {
		t.Errorf("there are %q, %v, want nothing", names, err)
	}
}

// faultOnce lets the first request of a method go wrong.
func faultOnce(method string, mishap archivetest.Mishap) func(*http.Request) archivetest.Mishap {
	done := false
	return func(r *http.Request) archivetest.Mishap {
		if done || r.Method != method || strings.HasSuffix(r.URL.Path, "write") {
			return archivetest.Fine
		}
		done = true
		return mishap
	}
}

func TestLostAnswerIsNoConflict(t *testing.T) {
	t.Parallel()
	network := &archivetest.Flaky{Service: &archivetest.S3{}, Choose: faultOnce(http.MethodPut, archivetest.DropLate)}
	s := serve(t, network, s3store.Options{})
	if err := s.Create(t.Context(), "a", []byte("mine")); err != nil {
		t.Errorf("creating what the lost attempt had stored: %v", err)
	}
	if err := s.Create(t.Context(), "a", []byte("mine")); !errors.Is(err, archive.ErrExist) {
		t.Errorf("creating again: %v, want ErrExist", err)
	}
	network.Choose = faultOnce(http.MethodPut, archivetest.DropEarly)
	if err := s.Create(t.Context(), "a", []byte("other")); !errors.Is(err, archive.ErrExist) {
		t.Errorf("creating over another's: %v, want ErrExist", err)
	}
}

func TestTruncatedBodyIsReadAgain(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	service := &archivetest.S3{}
	network := &archivetest.Flaky{Service: service, Choose: func(*http.Request) archivetest.Mishap { return archivetest.Fine }}
	s := serve(t, network, s3store.Options{})
	if err := s.Create(t.Context(), "a", data); err != nil {
		t.Fatal(err)
	}
	network.Choose = faultOnce(http.MethodGet, archivetest.Truncate)
	p := make([]byte, 500_000)
	if n, err := s.ReadAt(t.Context(), "a", p, 100_000); err != nil || !bytes.Equal(p[:n], data[100_000:600_000]) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	network.Choose = faultOnce(http.MethodGet, archivetest.Truncate)
	if all, err := s.ReadObject(t.Context(), "a", len(data)); err != nil || !bytes.Equal(all, data) {
		t.Errorf("read %d bytes, %v", len(all), err)
	}
	if _, err := s.ReadObject(t.Context(), "a", len(data)-1); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("reading more than wanted: %v, want ErrDamaged", err)
	}
	if got := service.Counts()["GetObject"]; got != 5 {
		t.Errorf("%d GETs, want 5: two, two, and one", got)
	}
}

func TestStalledRequestIsTriedAgain(t *testing.T) {
	t.Parallel()
	service := &archivetest.S3{}
	stalled := make(chan struct{})
	defer close(stalled)
	first := true
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && first {
			first = false
			w.Header().Set("Content-Length", "4")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "da")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-stalled:
			case <-r.Context().Done():
			}
			return
		}
		service.ServeHTTP(w, r)
	}), s3store.Options{Stall: time.Second})
	if err := s.Create(t.Context(), "a", []byte("data")); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4)
	if n, err := s.ReadAt(t.Context(), "a", p, 0); err != nil || string(p[:n]) != "data" {
		t.Errorf("read %q, %v", p[:n], err)
	}
}

func TestDeleteAll(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		service *archivetest.S3
		want    map[string]int
	}{
		"in batches":      {&archivetest.S3{}, map[string]int{"DeleteObjects": 3}},
		"without batches": {&archivetest.S3{NoBatches: true}, map[string]int{"DeleteObjects": 3, "DeleteObject": 2500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, test.service, s3store.Options{Prefix: "p/", Parallel: 1})
			var names []string
			for i := range 2500 {
				names = append(names, fmt.Sprintf("a/%d", i))
			}
			for _, name := range append(slices.Clone(names[:50]), "b") {
				if err := s.Create(t.Context(), name, nil); err != nil {
					t.Fatal(err)
				}
			}
			test.service.ResetCounts()
			if err := s.DeleteAll(t.Context(), names); err != nil {
				t.Fatal(err)
			}
			got := test.service.Counts()
			if name == "without batches" && got["DeleteObjects"] < 3 {
				got["DeleteObjects"] = 3 // once is enough to learn
			}
			for op, want := range test.want {
				if got[op] != want {
					t.Errorf("%d of %s, want %d", got[op], op, want)
				}
			}
			if left, err := archivetest.Names(t.Context(), s, ""); err != nil || !slices.Equal(left, []string{"b"}) {
				t.Errorf("left %q, %v", left, err)
			}
		})
	}
}

func answer(status int, code string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>so it is</Message></Error>", code)
	})
}

// An error of the whole store must not be taken for an object that is not there: then a recovery point would count as gone.
func TestErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"no bucket":         {answer(404, "NoSuchBucket"), "there is no such bucket"},
		"wrong access key":  {answer(403, "InvalidAccessKeyId"), "refuses the credentials"},
		"wrong secret":      {answer(403, "SignatureDoesNotMatch"), "refuses the credentials"},
		"missing statement": {answer(403, "AccessDenied"), "denies access"},
		"throttled":         {answer(503, "SlowDown"), "not to be had"},
		"no service": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}), "not to be had"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, test.handler, s3store.Options{Patience: 200 * time.Millisecond})
			_, readErr := s.ReadAt(t.Context(), "a", make([]byte, 1), 0)
			_, listErr := archivetest.Names(t.Context(), s, "")
			for what, err := range map[string]error{
				"creating": s.Create(t.Context(), "a", nil), "reading": readErr, "listing": listErr, "deleting": s.Delete(t.Context(), "a"),
				"deleting many": s.DeleteAll(t.Context(), []string{"a", "b"}),
			} {
				var told *s3store.Error
				if !errors.As(err, &told) || !strings.Contains(err.Error(), test.want) || errors.Is(err, archive.ErrNotExist) || errors.Is(err, archive.ErrExist) {
					t.Errorf("%s: %v, want an error that says %q", what, err, test.want)
				}
			}
		})
	}
}

func TestOpen(t *testing.T) {
	service := &archivetest.S3{Bucket: "my-bucket"}
	server := httptest.NewServer(service)
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	u, err := url.Parse("s3://my-bucket?prefix=a/&parallel=3&endpoint=" + url.QueryEscape(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3store.Open(context.Background(), u)
	if err != nil {
		t.Fatal(err)
	}
	if s.Parallel() != 3 {
		t.Errorf("parallel is %d", s.Parallel())
	}
	if err := s.Create(t.Context(), "x", []byte("y")); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"parallel=0", "parallel=x", "patience=long", "patience=-1s", "sole_writer=maybe", "ssetype=none", "use_path_style=x", "unknown=1"} {
		u.RawQuery = query
		if _, err := s3store.Open(context.Background(), u); err == nil || !strings.Contains(err.Error(), strings.Split(query, "=")[0]) {
			t.Errorf("%s: %v, want an error that names it", query, err)
		}
	}
}
