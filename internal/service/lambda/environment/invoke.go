package environment

import (
	"encoding/json"
	"fmt"
	"time"

	"strongroom/clock"
)

// Invocation is what a function is asked.
type Invocation struct {
	ID            string
	FunctionARN   string
	TraceID       string
	ClientContext string
	Payload       []byte
	Timeout       time.Duration
}

// Outcome is what came of an invocation.
type Outcome struct {
	Payload  []byte
	Failed   bool          // the payload tells of an error
	Duration time.Duration // of the invocation
	Init     time.Duration // of the init, in its first outcome
	Memory   int64         // the most that the environment has had, in bytes
	Report   string        // what the report's line says besides: how it ended
	Line     string        // a line of the log about how it ended
	Ended    bool          // the environment serves no more
}

// initTime is what an init may take; a longer one uses the time of the first invocation.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
const initTime = 10 * time.Second

// Invoke hands an invocation to the function and waits for what comes of it.
func (e *Environment) Invoke(in Invocation) Outcome {
	e.thaw()
	current := &invocation{Invocation: in}
	e.change(func() { e.current, e.peak = current, 0 })
	began := clock.Wall.Now()
	if !e.await(laterOf(began, e.started.Add(initTime)), e.isReady) && !e.await(clock.Wall.Now().Add(in.Timeout), e.isReady) {
		return e.kill(current, began)
	}
	if !e.ready() {
		return e.crashed(current, clock.Wall.Now())
	}
	began = clock.Wall.Now()
	e.change(func() { current.deadline, current.taken = began.Add(in.Timeout), true })
	if !e.await(current.deadline, func() bool { return current.answered }) {
		return e.kill(current, began)
	}
	e.mu.Lock()
	answered := current.answered
	e.mu.Unlock()
	if !answered {
		return e.crashed(current, began)
	}
	// The invocation ends when the runtime asks for the next one; who does not is ended.
	out := Outcome{Payload: current.payload, Failed: current.failed, Duration: clock.Wall.Now().Sub(began)}
	if !e.await(current.deadline, e.isReady) {
		e.Close()
	}
	e.output.drain()
	e.freeze()
	return e.settle(current, out)
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// isReady reports whether the init is over, well or not. The caller holds mu.
func (e *Environment) isReady() bool { return e.asking || e.initial != nil }

// ready reports whether the runtime waits for an invocation.
func (e *Environment) ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asking && e.exit == nil
}

// settle completes an outcome.
func (e *Environment) settle(current *invocation, out Outcome) Outcome {
	e.measure()
	e.mu.Lock()
	defer e.mu.Unlock()
	out.Memory, out.Ended = e.peak, e.exit != nil
	if !e.complete && e.init > 0 {
		out.Init, e.complete = e.init, true
	}
	if e.current == current {
		e.current = nil
	}
	return out
}

// kill ends an environment whose time is over.
func (e *Environment) kill(current *invocation, began time.Time) Outcome {
	e.measure()
	e.Close()
	message := fmt.Sprintf("Task timed out after %.2f seconds", current.Timeout.Seconds())
	return e.settle(current, Outcome{
		Payload: failure("Sandbox.Timedout", "RequestId: "+current.ID+" Error: "+message), Failed: true, Report: "\tStatus: timeout",
		Line:     fmt.Sprintf("%s %s %s", clock.Wall.Now().UTC().Format("2006-01-02T15:04:05.000Z"), current.ID, message),
		Duration: max(current.Timeout, clock.Wall.Now().Sub(began)),
	})
}

// crashed tells of an environment that ended, or whose init went wrong.
func (e *Environment) crashed(current *invocation, began time.Time) Outcome {
	duration := clock.Wall.Now().Sub(began)
	e.mu.Lock()
	initial := e.initial
	e.mu.Unlock()
	e.Close() // a runtime that could not begin has ended, or is to
	e.mu.Lock()
	exit, greedy := e.exit, e.greedy
	e.mu.Unlock()
	text := exitText(exit)
	kind := "Runtime.ExitError"
	if greedy {
		text = "Runtime exited with error: signal: killed"
		kind = "Runtime.OutOfMemory"
	}
	out := Outcome{
		Payload: failure(kind, "RequestId: "+current.ID+" Error: "+text), Failed: true, Duration: duration,
		Report: "\tStatus: error\tError Type: " + kind, Line: "RequestId: " + current.ID + " Error: " + text,
	}
	if initial != nil {
		out.Payload, out.Report, out.Line = initial, "\tStatus: error\tError Type: Runtime.InitError", ""
	}
	return e.settle(current, out)
}

// failure is the payload of an error that the service itself finds.
func failure(kind, message string) []byte {
	text, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		panic(err) // two strings
	}
	return text
}

// NoBootstrap is the outcome of an invocation of code without a bootstrap.
func NoBootstrap(id string) Outcome {
	text := "RequestId: " + id + " Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
	return Outcome{
		Payload: failure("Runtime.InvalidEntrypoint", text), Failed: true, Line: text, Report: "\tStatus: error\tError Type: Runtime.InvalidEntrypoint", Ended: true,
	}
}
