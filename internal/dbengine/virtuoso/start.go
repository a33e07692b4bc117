package virtuoso

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"regexp"
	"syscall"
	"time"

	"strongroom/clock"
	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/front"
)

// startTime bounds a start. The first makes the database, and takes ten seconds on an idle machine.
const startTime = 3 * time.Minute

// The addresses are of a loopback interface that is the database's own, and so the same for all.
const (
	httpAddress = "127.0.0.1:8890"
	sqlAddress  = "127.0.0.1:1111"
)

// Start implements [dbengine.Engine].
func (e *Engine) Start(ctx context.Context, s dbengine.Settings) (dbengine.Server, error) {
	version, err := e.Version(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.EndOrphans(ctx, syscall.SIGTERM, serverProgram); err != nil {
		return nil, err
	}
	door, err := front.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	v, err := start(ctx, s)
	if err != nil {
		return nil, errors.Join(err, door.Close())
	}
	err = notPrepared(v.log.Since())
	if err == nil {
		err = v.admit(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, v.process.Kill(), door.Close())
	}
	v.open(door, newGateway(v.client.Transport, version, clock.Wall.Now()))
	e.running.Store(s.Dir, v)
	v.serving.Go(func() {
		<-v.process.Done()
		e.running.CompareAndDelete(s.Dir, v)
	})
	return v, nil
}

// start starts Virtuoso behind the door.
func start(ctx context.Context, s dbengine.Settings) (*server, error) {
	path, err := program(serverProgram)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Enter(), s.TakeOver("data")); err != nil {
		return nil, err
	}
	v := &server{settings: s, password: rand.Text()}
	if err := configure(s, v.password); err != nil {
		return nil, err
	}
	log, err := s.OpenLog("virtuoso.log")
	if err != nil {
		return nil, err
	}
	v.log = log
	v.process, err = s.Launch(dbengine.Command{
		Program: path, Args: []string{"+foreground", "+wait", "+configfile", "virtuoso.ini"}, Dir: s.Path("data"), Env: environment,
		Alone: true, Dialled: true,
	}, log, symptoms, serverProgram)
	if err != nil {
		return nil, err
	}
	v.client = &http.Client{Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return v.process.Dial(ctx, httpAddress) },
		MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}
	starting, done := context.WithTimeout(ctx, startTime)
	defer done()
	err = v.process.Await(starting, func(ctx context.Context) (bool, error) { return v.Ping(ctx) == nil, nil })
	if err != nil {
		return nil, err
	}
	if err := os.Remove(s.Path("data", "autoexec.isql")); err != nil {
		return nil, errors.Join(err, v.process.Kill())
	}
	return v, nil
}

// symptoms are how Virtuoso's log shows why it does not start.
var symptoms = []dbengine.Symptom{
	{Pattern: regexp.MustCompile(`(?m)^(bwrap: .*)$`), Reason: dbengine.ReasonPermission}, // no sandbox can be made here
	{Pattern: regexp.MustCompile(`Failed to start listening|Failed listen|Can't start listening`), Reason: dbengine.ReasonPortInUse},
	{Pattern: regexp.MustCompile(`(?i)no space|out of disk`), Reason: dbengine.ReasonNoSpace},
	{Pattern: regexp.MustCompile(`(?i)(database version [^\n]*)`), Reason: dbengine.ReasonVersion},
	{Pattern: regexp.MustCompile(`(?i)GPF|corrupt|not a (?:valid )?database|bad page|checksum`), Reason: dbengine.ReasonDamaged},
}
