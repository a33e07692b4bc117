// Package front is the door of a database whose engine does not take TLS and plain connections at one port by itself: the
// databases of AWS are spoken to with TLS, tools on the same machine mostly do without.
package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"

	"strongroom/internal/dbengine"
)

// hello is how every TLS connection begins: a handshake record (0x16) of some version of the protocol (0x03). A message of
// MongoDB with such a length would have 66 KB at least, which the first of a connection has not.
var hello = []byte{0x16, 0x03}

// Listener accepts connections with and without TLS, for protocols in which the client speaks first. What
// [Listener.Accept] returns speaks plainly.
type Listener struct {
	net.Listener
	// RequireTLS turns plain connections away. It is set before the first Accept.
	RequireTLS bool

	config *tls.Config
}

// Open takes the port of a database. If it cannot be had the error is a *[dbengine.StartError].
func Open(ctx context.Context, s dbengine.Settings) (*Listener, error) {
	certificate, key, err := s.Certificate()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of a database: %w", err)
	}
	port := strconv.Itoa(s.Port)
	l, err := listen(ctx, net.JoinHostPort(s.Address, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &dbengine.StartError{Reason: dbengine.ReasonPortInUse, Detail: port}
	case errors.Is(err, syscall.EACCES):
		return nil, &dbengine.StartError{Reason: dbengine.ReasonPermission, Detail: "port " + port}
	case err != nil:
		return nil, &dbengine.StartError{Reason: dbengine.ReasonUnknown, Detail: err.Error()}
	}
	return &Listener{Listener: l, config: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}, nil
}

// patience is how often a port that is taken is asked for again, with a moment between: what is left of connections to a process
// that was killed may hold it for so long.
const patience = 25

func listen(ctx context.Context, address string) (l net.Listener, err error) {
	for range patience {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
		if !errors.Is(err, syscall.EADDRINUSE) || dbengine.Pause(ctx) != nil {
			break
		}
	}
	return l, err
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, config: l.config, require: l.RequireTLS}, nil
}

// conn finds out with the first byte that is read whether it is one of TLS.
type conn struct {
	net.Conn
	config  *tls.Config
	require bool // TLS
	begin   sync.Once
	plain   net.Conn // set by begin
	err     error    // set by begin
}

func (c *conn) open() (net.Conn, error) {
	c.begin.Do(func() {
		first := make([]byte, len(hello))
		if _, c.err = io.ReadFull(c.Conn, first); c.err != nil {
			return
		}
		c.plain = &begun{c.Conn, first}
		if c.require || bytes.Equal(first, hello) {
			c.plain = tls.Server(c.plain, c.config)
		}
	})
	return c.plain, c.err
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	plain, err := c.open()
	if err != nil {
		return 0, err
	}
	return plain.Read(p)
}

// Write implements [net.Conn]. It waits for the client's first byte.
func (c *conn) Write(p []byte) (int, error) {
	plain, err := c.open()
	if err != nil {
		return 0, err
	}
	return plain.Write(p)
}

// begun is a connection whose first bytes have been read.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}
