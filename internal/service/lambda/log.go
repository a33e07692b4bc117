package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/service/lambda/environment"
	"strongroom/internal/state"
)

// logger passes what an environment prints on to a stream of logs of its own.
type logger struct {
	s                                *Service
	accountID, region, group, stream string

	flushing sync.Mutex // held while lines are written, so that they keep their order

	mu      sync.Mutex // guards what follows
	silent  bool       // the role may not write logs
	pending []LogLine
	size    int    // of pending, in bytes
	tail    []byte // of the invocation that is under way
}

const (
	tailSize  = 4 << 10   // of the log that an answer carries
	flushSize = 256 << 10 // of lines that wait; what prints more waits itself
)

func (s *Service) newLogger(f state.Function, v state.FunctionVersion) *logger {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &logger{
		s: s, accountID: f.AccountID, region: f.Region, group: logGroup(f, v),
		stream: fmt.Sprintf("%s[%s]%s", s.Clock.Now().UTC().Format("2006/01/02/"), versionName(v.Number), hex.EncodeToString(id)),
	}
}

// admit asks whether the function's role may write its log; if not, it has none, as on AWS.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
func (l *logger) admit(ctx context.Context, role *api.Caller) {
	resource := arn.New("logs", l.region, l.accountID, "log-group:"+l.group+":log-stream:"+l.stream).String()
	err := l.s.Door.Authorize(ctx, role, "lambda", api.Access{Action: "logs:PutLogEvents", Resource: resource})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent = err != nil; l.silent {
		l.pending, l.size = nil, 0
	}
}

// line takes a line.
func (l *logger) line(text string) {
	l.mu.Lock()
	l.tail = append(append(l.tail, text...), '\n')
	if over := len(l.tail) - tailSize; over > 0 {
		l.tail = l.tail[over:]
	}
	full := false
	if !l.silent && text != "" {
		l.pending = append(l.pending, LogLine{l.s.Clock.Now(), text})
		l.size += len(text)
		full = l.size >= flushSize
	}
	l.mu.Unlock()
	if full {
		l.flush()
	}
}

// begin notes that an invocation begins.
func (l *logger) begin(id, version string) {
	l.mu.Lock()
	l.tail = nil
	l.mu.Unlock()
	l.line("START RequestId: " + id + " Version: " + version)
}

// end notes how it ended, and returns the tail of its log.
func (l *logger) end(id string, memory int32, out environment.Outcome) string {
	if out.Line != "" {
		l.line(out.Line)
	}
	l.line("END RequestId: " + id)
	milliseconds := float64(out.Duration.Microseconds()) / 1000
	var report strings.Builder
	fmt.Fprintf(&report, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB", id, milliseconds, int64(milliseconds)+1, memory, out.Memory>>20)
	if out.Init > 0 {
		fmt.Fprintf(&report, "\tInit Duration: %.2f ms", float64(out.Init.Microseconds())/1000)
	}
	l.line(report.String() + out.Report)
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.tail)
}

// flush writes the lines that wait.
func (l *logger) flush() {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	lines := l.pending
	l.pending, l.size = nil, 0
	l.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	ctx := context.Background() // an invocation's log is written though its caller has gone
	if err := l.s.PutLogs(ctx, l.accountID, l.region, l.group, l.stream, lines); err != nil {
		l.s.Log.ErrorContext(ctx, "writing a function's log", slog.String("group", l.group), slog.String("error", err.Error()))
	}
}
