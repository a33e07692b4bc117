package wire

import (
	"io"
	"net/http"
	"strings"
	"time"

	"strongroom/clock"
)

// patience is how long the handler waits for a client that neither sends nor takes a byte.
const patience = 2 * time.Minute

// patientBody gives each read of a request's body its own time, so that a long upload may take hours and a silent
// client does not hold the server.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b patientBody) Read(p []byte) (int, error) {
	deadline := clock.Wall.Now().Add(patience)
	b.control.SetReadDeadline(deadline)  //nolint:errcheck // a connection without deadlines has none
	b.control.SetWriteDeadline(deadline) //nolint:errcheck // the first read may answer 100 Continue
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.control.SetReadDeadline(time.Time{}) //nolint:errcheck // what the operation takes is its own business
	}
	return n, err
}

// patientWriter does the same for what the client takes.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w patientWriter) Write(p []byte) (int, error) {
	w.control.SetWriteDeadline(clock.Wall.Now().Add(patience)) //nolint:errcheck // a connection without deadlines has none
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] find the connection.
func (w patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// expected gives a request whose body may be exchanged. It is a copy: by the body of the request itself net/http sees that a
// client still waits to be told to go on (Expect: 100-continue), answers a refusal at once and closes the connection, and does
// not wait for what will not come. Of an empty body net/http tells nothing; some clients (botocore) wait for it there, too, and
// would take the answer for that of their next request.
func expected(w http.ResponseWriter, r *http.Request) *http.Request {
	if r.ContentLength == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		w.WriteHeader(http.StatusContinue)
	}
	return r.WithContext(r.Context())
}
