package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Listeners are listeners on a sandbox's own loopback interface that this process serves: what runs inside reaches it there,
// and nothing else, and nobody else reaches it there.
type Listeners struct {
	conn  *net.UnixConn // the other end is inside, until the program begins
	inner *os.File
	n     int
}

// Listening is [Spec.Command] for a program that finds servers of this process at TCP addresses of its loopback interface. After
// the command has been started, [Listeners.Receive] returns them.
func (s Spec) Listening(ctx context.Context, addresses ...string) (*exec.Cmd, *Listeners, error) {
	conn, inner, err := pair("listeners")
	if err != nil {
		return nil, nil, err
	}
	l := &Listeners{conn: conn, inner: inner, n: len(addresses)}
	cmd, err := s.command(ctx, addresses, inner)
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	return cmd, l, nil
}

// Receive waits for the listeners, in the order of their addresses. The command has been started. An error is that of the
// listening, or that the sandbox ended before.
func (l *Listeners) Receive(ctx context.Context) (all []net.Listener, err error) {
	_ = l.inner.Close() // so that the end of the sandbox is seen
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	text, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*l.n))
	n, oobn, _, _, err := l.conn.ReadMsgUnix(text, oob)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || n == 0 {
		return nil, errors.New("sandbox: it ended before it listened")
	}
	fds, err := rights(oob[:oobn])
	if err == nil && len(fds) != l.n {
		err = fmt.Errorf("sandbox: listening: %s", text[:n])
	}
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "listener")
		if err == nil {
			var one net.Listener
			if one, err = net.FileListener(f); err == nil {
				all = append(all, one)
			}
		}
		_ = f.Close()
	}
	if err != nil {
		for _, one := range all {
			_ = one.Close()
		}
		return nil, err
	}
	return all, nil
}

// rights are the descriptors that came with a message.
func rights(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("sandbox: reading descriptors: %w", err)
	}
	for i := range messages {
		some, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, fmt.Errorf("sandbox: reading descriptors: %w", err)
		}
		for _, fd := range some {
			unix.CloseOnExec(fd)
		}
		fds = append(fds, some...)
	}
	return fds, nil
}

// Close gives up listeners that are not waited for. It may be called more than once.
func (l *Listeners) Close() {
	_ = l.inner.Close()
	_ = l.conn.Close()
}

// listenInside listens and hands the listeners out.
func listenInside(addresses []string) error {
	var fds []int
	for _, address := range addresses {
		one, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err != nil {
			return err
		}
		f, err := one.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		fds = append(fds, int(f.Fd()))
		defer func() { _, _ = f, one }() // not to be closed before they are sent
	}
	return unix.Sendmsg(insideSockets, []byte("ok"), unix.UnixRights(fds...), nil, 0)
}
