package virtuoso

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
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

// ports are Virtuoso's own.
type ports struct{ sql, http int }

// freePorts chooses two ports of the loopback address. Somebody else may take them before Virtuoso does; it says so, and
// [Engine.Start] chooses others.
func freePorts(ctx context.Context) (p ports, err error) {
	for _, port := range []*int{&p.sql, &p.http} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return p, err
		}
		defer func() { _ = l.Close() }()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}

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
	for range 3 {
		var v *server
		if v, err = start(ctx, s); err == nil {
			v.open(door, newGateway(v.ports.http, version, clock.Wall.Now()))
			e.running.Store(s.Dir, v)
			v.serving.Go(func() {
				<-v.process.Done()
				e.running.CompareAndDelete(s.Dir, v)
			})
			return v, nil
		}
		var why *dbengine.StartError
		if !errors.As(err, &why) || why.Reason != dbengine.ReasonPortInUse {
			break
		}
	}
	return nil, errors.Join(err, door.Close())
}

// start starts Virtuoso behind the door.
func start(ctx context.Context, s dbengine.Settings) (*server, error) {
	path, err := program(serverProgram)
	if err != nil {
		return nil, err
	}
	own, err := freePorts(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Enter(), s.TakeOver("data")); err != nil {
		return nil, err
	}
	v := &server{settings: s, ports: own, password: rand.Text()}
	if err := configure(s, own, v.password); err != nil {
		return nil, err
	}
	log, err := s.OpenLog("virtuoso.log")
	if err != nil {
		return nil, err
	}
	v.process, err = s.Launch(dbengine.Command{
		Program: path, Args: []string{"+foreground", "+wait", "+configfile", "virtuoso.ini"}, Dir: s.Path("data"), Death: syscall.SIGTERM,
	}, log, symptoms, serverProgram)
	if err != nil {
		return nil, err
	}
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
	{Pattern: regexp.MustCompile(`Failed to start listening|Failed listen|Can't start listening`), Reason: dbengine.ReasonPortInUse},
	{Pattern: regexp.MustCompile(`(?i)no space|out of disk`), Reason: dbengine.ReasonNoSpace},
	{Pattern: regexp.MustCompile(`(?i)(database version [^\n]*)`), Reason: dbengine.ReasonVersion},
	{Pattern: regexp.MustCompile(`(?i)GPF|corrupt|not a (?:valid )?database|bad page|checksum`), Reason: dbengine.ReasonDamaged},
}
