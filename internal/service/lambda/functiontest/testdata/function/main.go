// Command function is a function that does what its event asks.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"golang.org/x/sys/unix"
)

// Event is what the function is asked to do.
type Event struct {
	Do    string          `json:"do"`
	Text  string          `json:"text"`
	Size  int             `json:"size"`
	Value json.RawMessage `json:"value"`

	Records []json.RawMessage // of messages, each of which is an Event itself
}

var (
	count   int
	started = time.Now()
	ticks   int
	kept    [][]byte
)

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(3)
	case "panic":
		panic("the init panics")
	case "slow":
		time.Sleep(time.Hour)
	}
	if len(os.Args) > 1 && os.Args[1] == "stubborn" {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		time.Sleep(time.Hour)
	}
	go func() {
		for range time.Tick(time.Millisecond) {
			ticks++
		}
	}()
	lambda.Start(handle)
}

// records does what messages of SQS and SNS ask for, prints each, and answers which it could not process. If it is not asked for that
// answer, it fails.
func records(ctx context.Context, all []json.RawMessage) (any, error) {
	type failure struct {
		ID string `json:"itemIdentifier"`
	}
	answer := struct {
		Failures []failure `json:"batchItemFailures"`
	}{[]failure{}}
	var failed error
	for _, text := range all {
		fmt.Printf("RECORD %s\n", text)
		var r struct {
			MessageID string `json:"messageId"`
			Body      string `json:"body"`
			Source    string `json:"eventSourceARN"`
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, err
		}
		var e Event
		if json.Unmarshal([]byte(r.Body), &e) != nil || e.Do == "" {
			continue
		}
		if _, err := handle(ctx, e); err != nil {
			answer.Failures = append(answer.Failures, failure{r.MessageID})
			if strings.HasSuffix(r.Source, ":whole") {
				failed = err
			}
		}
	}
	return answer, failed
}

func handle(ctx context.Context, e Event) (any, error) {
	if e.Records != nil {
		return records(ctx, e.Records)
	}
	count++
	switch e.Do {
	case "echo":
		return e.Value, nil
	case "count":
		return count, nil
	case "ticks":
		return ticks, nil
	case "context":
		c, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{"id": c.AwsRequestID, "arn": c.InvokedFunctionArn, "deadline": deadline.UnixMilli(), "now": time.Now().UnixMilli(), "trace": os.Getenv("_X_AMZN_TRACE_ID"), "client": c.ClientContext.Custom}, nil
	case "env":
		return os.Environ(), nil
	case "print":
		for line := range strings.SplitSeq(e.Text, "\n") {
			fmt.Println(line)
		}
		return nil, nil
	case "log":
		log.Print(e.Text)
		return nil, nil
	case "fail":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(e.Size)
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "sleep":
		time.Sleep(time.Duration(e.Size) * time.Millisecond)
		return "slept", nil
	case "size":
		return strings.Repeat("x", e.Size), nil
	case "allocate":
		for range e.Size {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			kept = append(kept, b)
			time.Sleep(time.Millisecond)
			if len(kept) > 150 { // more than it may have: the kernel's own limit is not reached before it is seen
				time.Sleep(50 * time.Millisecond)
			}
		}
		return len(kept), nil
	case "read":
		text, err := os.ReadFile(e.Text)
		return string(text), err
	case "list":
		var names []string
		all, err := os.ReadDir(e.Text)
		for _, entry := range all {
			names = append(names, entry.Name())
		}
		return names, err
	case "write":
		return nil, os.WriteFile(e.Text, make([]byte, e.Size), 0o600)
	case "memfd": // writes files in memory, and maps none
		for range e.Size {
			fd, err := unix.MemfdCreate("x", 0)
			if err != nil {
				return nil, err
			}
			for range 50 {
				if _, err := unix.Write(fd, make([]byte, 1<<20)); err != nil {
					return nil, err
				}
			}
		}
		time.Sleep(time.Hour)
		return nil, nil
	case "shell":
		out, err := exec.CommandContext(ctx, "/bin/sh", "-c", e.Text).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		return string(out), nil
	case "stubborn": // leaves a process behind, in a session of its own, that ignores signals, and does not end itself
		cmd := exec.Command("/proc/self/exe", "stubborn", e.Text)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		time.Sleep(time.Hour)
	case "fork":
		n := 0
		for n < e.Size {
			if err := exec.Command("/bin/sleep", "60").Start(); err != nil {
				break
			}
			n++
		}
		return n, nil
	case "dial":
		conn, err := net.DialTimeout("tcp", e.Text, time.Second)
		if err != nil {
			return nil, err
		}
		return "connected", conn.Close()
	case "get":
		response, err := http.Get(e.Text)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	case "post": // answers somebody's invocation
		response, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/invocation/"+e.Text+"/response", "application/json", strings.NewReader(`"forged"`))
		if err != nil {
			return nil, err
		}
		return response.StatusCode, response.Body.Close()
	case "linger": // answers, and never asks again
		go func() { time.Sleep(50 * time.Millisecond); select {} }()
		id := func() string { c, _ := lambdacontext.FromContext(ctx); return c.AwsRequestID }()
		_, _ = http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/invocation/"+id+"/response", "application/json", strings.NewReader(`"lingering"`))
		time.Sleep(time.Hour)
	case "spin":
		for {
			count++
		}
	case "since":
		return time.Since(started).Milliseconds(), nil
	}
	return nil, fmt.Errorf("it does not know how to %q", e.Do)
}
