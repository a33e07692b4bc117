package front

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy brings what a listener accepts to a database that cannot be reached otherwise, byte for byte.
type Proxy struct {
	listener net.Listener
	dial     func(ctx context.Context) (net.Conn, error)
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// NewProxy begins to bring connections to what dial reaches.
func NewProxy(l net.Listener, dial func(ctx context.Context) (net.Conn, error)) *Proxy {
	p := &Proxy{listener: l, dial: dial}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.serve)
	return p
}

// Close ends all connections and waits until they have ended. It may be called twice.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	p.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) serve() {
	for p.ctx.Err() == nil {
		client, err := p.listener.Accept()
		if err != nil { // the end, or a process that has no file descriptors for now
			pause, done := context.WithTimeout(p.ctx, 10*time.Millisecond)
			<-pause.Done()
			done()
			continue
		}
		p.running.Go(func() { p.bring(client) })
	}
}

// bring serves one client until either side ends, or the proxy does.
func (p *Proxy) bring(client net.Conn) {
	defer func() { _ = client.Close() }()
	database, err := p.dial(p.ctx)
	if err != nil {
		return
	}
	defer func() { _ = database.Close() }()
	stop := context.AfterFunc(p.ctx, func() {
		_ = client.Close()
		_ = database.Close()
	})
	defer stop()
	ended := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // an end is an end, however it comes
		ended <- struct{}{}
	}
	go pass(database, client)
	go pass(client, database)
	<-ended
	_ = client.Close()
	_ = database.Close()
	<-ended
}
