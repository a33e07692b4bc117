package virtuoso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"strongroom/internal/dbengine"
)

// server is a running database.
type server struct {
	process  *dbengine.Process
	log      *dbengine.Log
	settings dbengine.Settings
	password string       // of Virtuoso's administrator
	client   *http.Client // reaches Virtuoso, whatever it is asked for

	http    *http.Server // the door
	serving sync.WaitGroup

	backup sync.Mutex // one online backup at a time: they share a directory
}

// Done implements [dbengine.Server].
func (v *server) Done() <-chan struct{} { return v.process.Done() }

// Err implements [dbengine.Server].
func (v *server) Err() error { return v.process.Err() }

// Ping implements [dbengine.Server]. There is no master user; the question is put as everybody.
func (v *server) Ping(ctx context.Context) error { return v.query(ctx, "ASK {}") }

// admit has everybody's permissions found out by one update that needs some and changes nothing, before anybody else comes. Virtuoso does that
// with the first such request after a start, and what comes at the same time meets it half done: it is refused (SR186), or ends the
// server (sec_usr_flatten_g_ids_refill in its libsrc/Wi/security.c).
func (v *server) admit(ctx context.Context) error {
	const update = "DELETE { GRAPH <urn:nothing> { ?s ?p ?o } } WHERE { GRAPH <urn:nothing> { ?s ?p ?o } }"
	if err := v.query(ctx, update); err != nil {
		return &dbengine.StartError{Reason: dbengine.ReasonUnknown, Detail: "everybody's first update failed: " + err.Error(), LogTail: v.log.Since()}
	}
	return nil
}

// query has Virtuoso do what everybody may ask for.
func (v *server) query(ctx context.Context, text string) error {
	form := url.Values{"query": {text}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+httpAddress+"/sparql", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := v.client.Do(r)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(io.LimitReader(answer.Body, 300))
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("virtuoso answers %s: %s", answer.Status, said)
	}
	return err
}

// open lets clients in.
func (v *server) open(door net.Listener, g *gateway) {
	v.http = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	v.serving.Go(func() { _ = v.http.Serve(door) }) // it ends with Shutdown
	v.serving.Go(func() {
		<-v.process.Done()
		_ = v.http.Close()
		v.client.CloseIdleConnections()
	})
}

// Stop implements [dbengine.Server]. A terminated Virtuoso ends what it is at and keeps its transaction log, which the next
// start reads.
func (v *server) Stop(ctx context.Context) error {
	err := v.process.Stop(ctx, syscall.SIGTERM)
	v.serving.Wait()
	return err
}

// SetMasterPassword implements [dbengine.Server]: there is none to set.
func (v *server) SetMasterPassword(context.Context, string) error {
	return errors.New("virtuoso: the database has no master user")
}

// Size implements [dbengine.Server].
func (v *server) Size(context.Context) (int64, error) {
	return dbengine.TreeSize(v.settings.Path("data"))
}

// connects bounds how often a connection is tried. Each try lasts the ten seconds that isql waits for a server with much to do.
const connects = 5

// sql runs statements as Virtuoso's administrator. They are not sent twice: another try follows only where there was no connection.
func (v *server) sql(ctx context.Context, statements string) (string, error) {
	for try := 1; ; try++ {
		said, err := v.isql(ctx, statements)
		if err == nil {
			return said, nil
		}
		if try == connects || ctx.Err() != nil || !strings.Contains(said, "CL033: Connect failed") {
			return "", fmt.Errorf("virtuoso: isql: %w: %s", err, said)
		}
	}
}

// isql has Virtuoso's client run statements once, and returns what it said. The password goes by the standard input, where other users of this host do
// not see it; isql asks there if it has no terminal, which a session of its own ensures.
func (v *server) isql(ctx context.Context, statements string) (string, error) {
	path, err := program("isql-vt")
	if err != nil {
		return "", err
	}
	session, err := dbengine.FindProgram("util-linux", "setsid")
	if err != nil {
		return "", err
	}
	var said bytes.Buffer
	err = v.settings.Run(ctx, dbengine.Command{
		Program: session, Args: []string{"--wait", path, sqlAddress, "dba", "ERRORS=STDOUT", "VERBOSE=OFF", "PROMPT=OFF"},
		Dir: v.settings.Path("data"), Stdin: strings.NewReader(v.password + "\n" + statements), Stdout: &said, Stderr: &said,
		Alone: true, Finds: &dbengine.Found{Address: sqlAddress, Dial: func(ctx context.Context) (net.Conn, error) { return v.process.Dial(ctx, sqlAddress) }},
	})
	if err == nil && failed(said.String()) {
		err = errors.New("a statement failed")
	}
	return strings.TrimSpace(said.String()), err
}

// failed tells whether isql told of an error. The first is not one: it tries the password that a new Virtuoso has before it asks.
func failed(said string) bool {
	return strings.Count(said, "*** Error") > strings.Count(said, "CL034: Bad login")
}
