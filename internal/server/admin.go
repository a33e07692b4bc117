package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"strongroom/archive"
	"strongroom/internal/work"
	"strongroom/rules"
)

// adminSocket is where an administrator of the machine speaks to the server. The file's mode is what authorizes: only
// the owner of the data directory, who could read everything in it anyway, can connect.
const adminSocket = "admin.sock"

// ClockMove moves the service's clock by Advance, or to To; zero for both leaves it alone.
type ClockMove struct {
	Advance time.Duration `json:"advance,omitempty"`
	To      time.Time     `json:"to,omitzero"`
	// DoNotWait moves the clock in one step and does not wait for the jobs that this starts.
	DoNotWait bool `json:"do_not_wait,omitempty"`
}

// Clock is what the service's clock shows.
type Clock struct {
	Now    time.Time     `json:"now"`
	Offset time.Duration `json:"offset_ns"` // ahead of the machine's
}

// Point is a recovery point and what its archive stores of it.
type Point struct {
	ARN          string `json:"arn"`
	AccountID    string `json:"account_id"`
	Region       string `json:"region"`
	Vault        string `json:"vault"`
	ResourceType string `json:"resource_type"`
	ResourceARN  string `json:"resource_arn"`
	KeyARN       string `json:"key_arn,omitempty"`
	SizeBytes    int64  `json:"size_bytes"`   // logical
	NewBytes     int64  `json:"new_bytes"`    // that the vault did not have, before compression
	StoredBytes  int64  `json:"stored_bytes"` // the vault grew by
}

// Admin speaks to the server that runs on a data directory.
type Admin struct{ client *http.Client }

// OpenAdmin returns the administrator's side of the server on dir. Whether one runs shows at the first call.
func OpenAdmin(dir string) *Admin {
	return &Admin{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			path, done, err := socketPath(dir)
			if err != nil {
				return nil, err
			}
			defer done()
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", path)
			if err != nil {
				return nil, fmt.Errorf("no server answers on %s (is it running on this data directory?): %w", dir, err)
			}
			return conn, nil
		},
	}}}
}

// Clock moves the service's clock and returns what it shows then.
func (a *Admin) Clock(ctx context.Context, move ClockMove) (c Clock, err error) {
	return c, a.call(ctx, "clock", move, &c)
}

// VerifyRequest says what is to be verified, and whether it is to be mended.
type VerifyRequest = work.VerifyRequest

// ParseSubset reads which part of the packs a verification takes: "1/7" is the first of seven.
func ParseSubset(text string) (archive.Subset, error) { return archive.ParseSubset(text) }

// Verify reads and authenticates what lies in the archives, and mends what is damaged if it is to.
func (a *Admin) Verify(ctx context.Context, q work.VerifyRequest) (r work.Report, err error) {
	return r, a.call(ctx, "verify", q, &r)
}

// VerifyStatus tells what was last read of the archives, and what was found.
func (a *Admin) VerifyStatus(ctx context.Context) (s work.VerifyStatus, err error) {
	return s, a.call(ctx, "verify-status", nil, &s)
}

// Collect removes from all archives what no recovery point reaches.
func (a *Admin) Collect(ctx context.Context) (c work.Collected, err error) {
	return c, a.call(ctx, "collect", nil, &c)
}

// Points lists the recovery points of all accounts.
func (a *Admin) Points(ctx context.Context) (p []Point, err error) {
	return p, a.call(ctx, "points", nil, &p)
}

// Explain tells why a job ended as it did.
func (a *Admin) Explain(ctx context.Context, jobID string) (x JobExplanation, err error) {
	return x, a.call(ctx, "explain", jobID, &x)
}

// attachment asks for a volume on a socket.
type attachment struct {
	VolumeID string `json:"volume_id"`
	Socket   string `json:"socket"`
}

// Attach serves a volume as a network block device on a Unix socket until ctx ends.
func (a *Admin) Attach(ctx context.Context, volumeID, socket string) error {
	path, err := filepath.Abs(socket)
	if err != nil {
		return err
	}
	err = a.call(ctx, "attach", attachment{volumeID, path}, nil)
	if ctx.Err() != nil {
		return nil // that is how an attachment ends
	}
	return err
}

// DefaultRole is AWS Backup's default role of an account.
type DefaultRole struct {
	ARN  string `json:"arn"`
	Made bool   `json:"made"` // it was not there before
}

// DefaultRole makes AWS Backup's default role of an account, as AWS's console does at its first use.
func (a *Admin) DefaultRole(ctx context.Context, accountID string) (r DefaultRole, err error) {
	return r, a.call(ctx, "default-role", accountID, &r)
}

func (s *Server) makeDefaultRole(ctx context.Context, accountID string) (r DefaultRole, err error) {
	r.ARN = rules.DefaultRole(accountID)
	r.Made, err = s.identities.MakeDefaultRole(ctx, r.ARN)
	return r, err
}

func (a *Admin) call(ctx context.Context, what string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	reader, writer := io.Pipe()
	go func() { _, err := writer.Write(body); _ = writer.CloseWithError(err) }() // ends when the transport has read or closed it
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/"+what, reader)
	if err != nil {
		return err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return errors.Unwrap(err) // without the invented URL
	}
	defer response.Body.Close() //nolint:errcheck // read to the end
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(string(text))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// The kernel takes no longer path of a socket than this, less a few bytes.
const maxSocketPath = 100

// socketPath is a path by which the socket of a data directory can be used until done is called: a short one, through
// the directory's descriptor, where its own is too long.
func socketPath(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, adminSocket)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	opened, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", opened.Fd(), adminSocket), func() { _ = opened.Close() }, nil
}

// serveAdmin listens on the socket until the returned function is called.
func (s *Server) serveAdmin(ctx context.Context) (stop func(context.Context) error, err error) {
	path, closeDir, err := socketPath(s.config.DataDir)
	if err != nil {
		return nil, err
	}
	defer closeDir()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // a killed server's; the data directory is locked
		return nil, err
	}
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening for the administrator: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /clock", answer(s.moveClock))
	mux.HandleFunc("POST /verify", answer(s.runner.Verify))
	mux.HandleFunc("POST /verify-status", answer(func(ctx context.Context, _ any) (work.VerifyStatus, error) { return s.runner.VerifyStatus(ctx) }))
	mux.HandleFunc("POST /collect", answer(func(ctx context.Context, _ any) (work.Collected, error) { return s.runner.Collect(ctx) }))
	mux.HandleFunc("POST /points", answer(func(ctx context.Context, _ any) ([]Point, error) { return s.points(ctx) }))
	mux.HandleFunc("POST /default-role", answer(s.makeDefaultRole))
	mux.HandleFunc("POST /explain", answer(s.explain))
	mux.HandleFunc("POST /attach", answer(s.attach))
	mux.HandleFunc("POST /profile", answer(s.profile))
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return base }}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	return func(ctx context.Context) error {
		cancel() // attachments and verifications end
		err := server.Shutdown(ctx)
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// answer makes a handler of a function over JSON values.
func answer[In, Out any](fn func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		var in In
		if err := json.NewDecoder(q.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.Copy(io.Discard, q.Body) // to its end, or else the context would not end when the client goes
		out, err := fn(q.Context(), in)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, err.Error()) // the client is gone if this fails
			return
		}
		_ = json.NewEncoder(w).Encode(out) // the same
	}
}
