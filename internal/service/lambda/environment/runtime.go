package environment

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"strongroom/clock"
)

// MaxPayload is the size of the largest payload of a synchronous invocation, and of its answer.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const MaxPayload = 6 << 20

const responseLimit = 6291556 // as the service tells it

// serveRuntime is the Runtime API, version 2018-06-01.
func (e *Environment) serveRuntime(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2018-06-01/runtime/")
	words := strings.Split(path, "/")
	switch {
	case ok && r.Method == http.MethodGet && path == "invocation/next":
		e.serveNext(w, r)
	case ok && r.Method == http.MethodPost && path == "init/error":
		e.serveInitError(w, r)
	case ok && r.Method == http.MethodPost && len(words) == 3 && words[0] == "invocation" && (words[2] == "response" || words[2] == "error"):
		e.serveAnswer(w, r, words[1], words[2] == "error")
	default:
		answer(w, http.StatusNotFound, `{"errorMessage":"no such path of the Runtime API","errorType":"NotFound"}`)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// serveNext waits for an invocation and hands it out.
func (e *Environment) serveNext(w http.ResponseWriter, r *http.Request) {
	e.change(func() {
		if e.init == 0 {
			e.init = max(clock.Wall.Now().Sub(e.started), 1)
		}
		e.asking = true
	})
	for {
		e.mu.Lock()
		current, state := e.current, e.state
		handed := current != nil && current.taken && !current.answered
		if handed {
			e.asking = false
		}
		e.mu.Unlock()
		if handed {
			e.hand(w, current)
			return
		}
		select {
		case <-state:
		case <-r.Context().Done():
			e.change(func() { e.asking = false })
			return
		case <-e.done:
			return
		}
	}
}

func (e *Environment) hand(w http.ResponseWriter, current *invocation) {
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", current.ID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(current.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", current.FunctionARN)
	h.Set("Lambda-Runtime-Trace-Id", current.TraceID)
	if current.ClientContext != "" {
		h.Set("Lambda-Runtime-Client-Context", current.ClientContext)
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(current.Payload)))
	_, _ = w.Write(current.Payload)
}

// serveAnswer takes the function's answer to the invocation that it has.
func (e *Environment) serveAnswer(w http.ResponseWriter, r *http.Request, id string, failed bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, responseLimit+1))
	if err != nil {
		answer(w, http.StatusBadRequest, `{"errorMessage":"the request ended before its body did","errorType":"InvalidRequest"}`)
		return
	}
	// A runtime that found an error while it was sending says so in a trailer, too.
	failed = failed || r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != ""
	status, text := http.StatusAccepted, `{"status":"OK"}`
	e.change(func() {
		current := e.current
		switch {
		case current == nil || !current.taken || current.answered || current.ID != id:
			status, text = http.StatusBadRequest, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`
			return
		case len(body) > responseLimit:
			status = http.StatusRequestEntityTooLarge
			text = string(failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."))
			body, failed = []byte(text), true
		}
		current.payload, current.failed, current.answered = body, failed, true
	})
	answer(w, status, text)
}

// serveInitError takes what the runtime says of an init that went wrong.
func (e *Environment) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, responseLimit))
	if err != nil || !json.Valid(body) {
		body = failure("Runtime.InitError", "the init went wrong")
	}
	e.change(func() {
		if e.init == 0 {
			e.initial = body
		}
	})
	answer(w, http.StatusAccepted, `{"status":"OK"}`)
}
