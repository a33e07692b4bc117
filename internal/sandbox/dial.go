package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// insideDials stands where the addresses do that the inside listens at: it is to be dialled into, and stays beside the program.
const insideDials = "dialled"

// dialTime bounds a connection that is made inside.
const dialTime = 10 * time.Second

// A Dialer connects to servers on a sandbox's own loopback interface. Only who has it can: there is no socket in a file system and no
// port of the host.
type Dialer struct {
	conn  *net.UnixConn // the other end is inside
	inner *os.File
}

// Dialled is [Spec.Command] for a program whose servers are to be reached from here.
func (s Spec) Dialled(ctx context.Context) (*exec.Cmd, *Dialer, error) {
	conn, inner, err := pair("dialer")
	if err != nil {
		return nil, nil, err
	}
	d := &Dialer{conn: conn, inner: inner}
	cmd, err := s.command(ctx, []string{insideDials}, inner)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	return cmd, d, nil
}

// pair makes two sockets that are connected, of which the second is to be inherited.
func pair(name string) (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: making a socket: %w", err)
	}
	outer, inner := os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name)
	conn, err := net.FileConn(outer)
	_ = outer.Close()
	if err != nil {
		_ = inner.Close()
		return nil, nil, fmt.Errorf("sandbox: using a socket: %w", err)
	}
	return conn.(*net.UnixConn), inner, nil
}

// Started is to be called when the command has been started, so that the end of the sandbox is seen.
func (d *Dialer) Started() { _ = d.inner.Close() }

// Close gives up the dialer; its connections stay.
func (d *Dialer) Close() {
	_ = d.inner.Close()
	_ = d.conn.Close()
}

// Dial connects to a TCP address inside. It may be called at once: each call has a socket of its own for the answer, which goes along
// with the question.
func (d *Dialer) Dial(ctx context.Context, address string) (net.Conn, error) {
	answer, theirs, err := pair("answer")
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }()
	_, _, err = d.conn.WriteMsgUnix([]byte(address), unix.UnixRights(int(theirs.Fd())), nil)
	_ = theirs.Close()
	if err != nil {
		return nil, fmt.Errorf("sandbox: asking for a connection: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = answer.Close() })
	defer stop()
	text, fds, err := receive(answer, 1)
	switch {
	case ctx.Err() != nil:
		closeAll(fds)
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case len(fds) != 1:
		closeAll(fds)
		return nil, fmt.Errorf("sandbox: connecting to %s: %s", address, text)
	}
	f := os.NewFile(uintptr(fds[0]), "connection")
	defer func() { _ = f.Close() }()
	return net.FileConn(f)
}

// receive reads a message and the descriptors that come with it.
func receive(from *net.UnixConn, most int) (text string, fds []int, err error) {
	buffer, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*most))
	n, oobn, _, _, err := from.ReadMsgUnix(buffer, oob)
	if err != nil || n == 0 {
		return "", nil, errors.New("sandbox: it has ended")
	}
	fds, err = rights(oob[:oobn])
	return string(buffer[:n]), fds, err
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// stay starts the program, connects for those who have the Dialer as long as it runs, and ends as it does.
func stay(program, env []string) {
	f := os.NewFile(insideSockets, "dialer")
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err == nil {
		err = dialInside(conn.(*net.UnixConn), program, env)
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			os.Exit(128 + int(status.Signal())) // as a shell says it
		}
		os.Exit(ended.ExitCode())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program[0], err)
		os.Exit(127)
	}
	os.Exit(0)
}

// dialInside runs the program and serves the dialer meanwhile.
func dialInside(dialer *net.UnixConn, program, env []string) error {
	cmd := exec.CommandContext(context.Background(), program[0], program[1:]...) //nolint:gosec // the caller's program is the point
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for {
			address, fds, err := receive(dialer, 1)
			if err != nil {
				return // nobody can ask any more
			}
			if len(fds) == 1 {
				go connect(address, fds[0])
				continue
			}
			closeAll(fds)
		}
	}()
	return cmd.Wait()
}

// connect answers one question with a connection, or with why there is none.
func connect(address string, answer int) {
	defer func() { _ = unix.Close(answer) }()
	ctx, done := context.WithTimeout(context.Background(), dialTime)
	defer done()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		_ = unix.Sendmsg(answer, []byte(err.Error()), nil, nil, 0)
		return
	}
	defer func() { _ = conn.Close() }()
	f, err := conn.(*net.TCPConn).File()
	if err != nil {
		_ = unix.Sendmsg(answer, []byte(err.Error()), nil, nil, 0)
		return
	}
	defer func() { _ = f.Close() }()
	_ = unix.Sendmsg(answer, []byte("ok"), unix.UnixRights(int(f.Fd())), nil, 0)
}
