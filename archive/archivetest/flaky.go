package archivetest

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// A Mishap is what goes wrong with a request over a network.
type Mishap int

// Mishaps of requests.
const (
	Fine      Mishap = iota
	DropEarly        // the connection ends before the request was carried out
	DropLate         // the request was carried out, and the connection ends without an answer
	Truncate         // the connection ends amid the answer's body
	SlowDown         // the service answers 503 SlowDown
	Broken           // the service answers 500 InternalError, having carried out nothing
	Slow             // the answer takes some milliseconds
	mishaps
)

// A Flaky network is one in which requests to a service go wrong.
type Flaky struct {
	Service http.Handler
	// Choose decides about each request. It is called by one goroutine at a time.
	Choose func(r *http.Request) Mishap

	mu sync.Mutex
}

// Random gives a Choose by which so many of a hundred requests go wrong, each in one of the ways there are.
func Random(seed uint64, percent int) func(*http.Request) Mishap {
	rnd := rand.New(rand.NewPCG(seed, 1))
	return func(*http.Request) Mishap {
		if rnd.IntN(100) >= percent {
			return Fine
		}
		return 1 + Mishap(rnd.IntN(int(mishaps)-1))
	}
}

// ServeHTTP implements http.Handler.
func (f *Flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	mishap := f.Choose(r)
	f.mu.Unlock()
	switch mishap {
	case DropEarly:
		panic(http.ErrAbortHandler)
	case DropLate:
		f.Service.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case Truncate:
		f.truncate(w, r)
	case SlowDown:
		_, _ = io.Copy(io.Discard, r.Body)
		s3Error(w, http.StatusServiceUnavailable, "SlowDown")
	case Broken:
		_, _ = io.Copy(io.Discard, r.Body)
		s3Error(w, http.StatusInternalServerError, "InternalError")
	case Slow:
		wait := time.NewTimer(5 * time.Millisecond)
		<-wait.C
		f.Service.ServeHTTP(w, r)
	default:
		f.Service.ServeHTTP(w, r)
	}
}

// truncate sends half of the answer's body and ends the connection.
func (f *Flaky) truncate(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	f.Service.ServeHTTP(answer, r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
