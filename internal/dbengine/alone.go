package dbengine

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"

	"strongroom/internal/sandbox"
)

// Found is a server that a program finds at an address of its own loopback interface: what Dial connects to, and nothing else.
type Found struct {
	Address string
	Dial    func(ctx context.Context) (net.Conn, error)
}

// prepared is a command that can be started, and how its sandbox is connected with this process.
type prepared struct {
	*exec.Cmd
	dialer    *sandbox.Dialer
	listeners *sandbox.Listeners
}

// release gives up what a command that has ended, or never began, was connected by.
func (p prepared) release() {
	if p.dialer != nil {
		p.dialer.Close()
	}
	if p.listeners != nil {
		p.listeners.Close()
	}
}

// serve brings a started command to what it finds, until the function that it returns is called.
func (p prepared) serve(f *Found) (end func()) {
	if p.listeners == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		all, err := p.listeners.Receive(ctx)
		if err != nil {
			return // the command has ended, and says why
		}
		stop := context.AfterFunc(ctx, func() { _ = all[0].Close() })
		defer stop()
		for {
			inside, err := all[0].Accept()
			if err != nil {
				return
			}
			go f.bring(ctx, inside)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// bring connects one client until either side ends.
func (f *Found) bring(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := f.Dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // an end is an end, however it comes
			ended <- struct{}{}
		}()
	}
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// Dial connects to a TCP address of the loopback interface of a process that is alone.
func (p *Process) Dial(ctx context.Context, address string) (net.Conn, error) {
	if p.dialer == nil {
		return nil, errors.New("dbengine: the process is not alone")
	}
	return p.dialer.Dial(ctx, address)
}
