package ferretdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"syscall"
	"time"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/front"
)

// startTime bounds the gateway's start, after PostgreSQL's.
const startTime = time.Minute

// socket is the gateway's, in the directory gateway, where it works: a path from the root may be longer than sockets' are.
const socket = "mongo.sock"

// Start implements [dbengine.Engine].
func (e *Engine) Start(ctx context.Context, s dbengine.Settings) (dbengine.Server, error) {
	door, err := front.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	switch tls, given := s.Parameters["tls"]; {
	case given && tls == "enabled":
		door.RequireTLS = true
	case given && tls != "disabled":
		err = &dbengine.StartError{Reason: dbengine.ReasonBadParameter, Detail: "tls"}
	}
	for name := range s.Parameters {
		if name != "tls" {
			err = &dbengine.StartError{Reason: dbengine.ReasonBadParameter, Detail: name}
		}
	}
	if err != nil {
		return nil, errors.Join(err, door.Close())
	}
	v, err := e.start(ctx, s)
	if err != nil {
		return nil, errors.Join(err, door.Close())
	}
	v.door = front.NewProxy(door, v.dial)
	e.running.Store(s.Dir, v)
	go func() {
		<-v.done
		e.running.CompareAndDelete(s.Dir, v)
		_ = v.door.Close()
	}()
	return v, nil
}

// start starts both processes without letting anybody in.
func (e *Engine) start(ctx context.Context, s dbengine.Settings) (*server, error) {
	password, err := administrator(s)
	if err != nil {
		return nil, err
	}
	if err := e.clear(ctx, s); err != nil {
		return nil, err
	}
	v := &server{settings: s, inner: inner(s), administrator: password, done: make(chan struct{})}
	if err := e.startInner(ctx, v); err != nil {
		return nil, err
	}
	err = v.postgres.SetMasterPassword(ctx, v.inner.MasterPassword)
	if err == nil {
		err = v.startGateway(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, v.postgres.Stop(ctx))
	}
	go v.watch()
	return v, nil
}

// startInner starts the PostgreSQL at a port that is free. Somebody else may take it meanwhile; then there are others.
func (e *Engine) startInner(ctx context.Context, v *server) (err error) {
	for range 3 {
		if v.inner.Port, err = freePort(ctx); err != nil {
			return err
		}
		v.postgres, err = e.postgres.Start(ctx, v.inner)
		var why *dbengine.StartError
		if !errors.As(err, &why) || why.Reason != dbengine.ReasonPortInUse {
			return err
		}
	}
	return err
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// symptoms are how the gateway's log shows why it does not start.
var symptoms = []dbengine.Symptom{
	{Pattern: regexp.MustCompile(`password authentication failed|does not exist \(SQLSTATE 3D000\)`), Reason: dbengine.ReasonDamaged},
}

func (v *server) startGateway(ctx context.Context) error {
	path, err := program()
	if err != nil {
		return err
	}
	log, err := v.settings.OpenLog("gateway.log")
	if err != nil {
		return err
	}
	postgres := url.URL{
		Scheme: "postgres", User: url.UserPassword(v.inner.MasterUsername, v.inner.MasterPassword),
		Host: fmt.Sprintf("127.0.0.1:%d", v.inner.Port), Path: v.inner.Database,
	}
	v.gateway, err = v.settings.Launch(dbengine.Command{
		Program: path, Dir: v.settings.Path("gateway"), Death: syscall.SIGTERM,
		// By the environment, as other users of this host see the arguments of programs.
		Env: []string{
			"FERRETDB_POSTGRESQL_URL=" + postgres.String(),
			"FERRETDB_LISTEN_ADDR=", "FERRETDB_LISTEN_UNIX=" + socket, "FERRETDB_DEBUG_ADDR=-", "FERRETDB_STATE_DIR=-",
			"FERRETDB_TEST_ENABLE_NEW_AUTH=true", "FERRETDB_SETUP_DATABASE=admin",
			"FERRETDB_SETUP_USERNAME=" + serviceadmin, "FERRETDB_SETUP_PASSWORD=" + v.administrator,
			"FERRETDB_TELEMETRY=disable", "DO_NOT_TRACK=true", "FERRETDB_LOG_LEVEL=warn", "FERRETDB_LOG_FORMAT=text",
		},
	}, log, symptoms, process)
	if err != nil {
		return err
	}
	starting, done := context.WithTimeout(ctx, startTime)
	defer done()
	return v.gateway.Await(starting, func(ctx context.Context) (bool, error) {
		return v.as(ctx, serviceadmin, v.administrator, ping) == nil, nil
	})
}
