package dbengine

import (
	"context"
	"slices"
	"strings"
	"sync"

	"strongroom/internal/sandbox"
)

// sandboxed runs the program in a sandbox, in which it sees of the host's files no more than programs, libraries and the
// database's own directory, which it can enter though the directories above it be closed. It has the host's network, as clients
// come from there, unless it is to be alone.
func (s Settings) sandboxed(ctx context.Context, c Command) (prepared, error) {
	spec := sandbox.Spec{
		// The database's user may enter its directory, and not what makes the sandbox, which has given up root's privileges by then.
		Program: "/usr/bin/env", Args: append([]string{"--chdir=" + c.Dir, s.mark(), c.Program}, c.Args...), Env: slices.Concat(environment, c.Env),
		Binds:   []sandbox.Bind{{Host: s.Dir, Write: true}},
		Network: sandbox.Host, SharedMemory: true,
	}
	if !strings.HasPrefix(c.Program, "/usr/") {
		spec.Binds = append(spec.Binds, sandbox.Bind{Host: c.Program})
	}
	if o := s.owner(); o != nil {
		spec.User = &sandbox.User{UID: o.UID, GID: o.GID, Name: o.Name}
	}
	if c.Alone {
		spec.Network = sandbox.None
	}
	var p prepared
	var err error
	switch {
	case c.Dialled:
		p.Cmd, p.dialer, err = spec.Dialled(ctx)
	case c.Finds != nil:
		p.Cmd, p.listeners, err = spec.Listening(ctx, c.Finds.Address)
	default:
		p.Cmd, err = spec.Command(ctx)
	}
	return p, err
}

// mark is an argument by which the processes are known that make a sandbox of the database's: they work elsewhere, and are not yet
// what they will be.
func (s Settings) mark() string { return "DATABASE_DIRECTORY=" + s.Dir }

// canSandbox says whether this process can make sandboxes. A container may hold root and keep it from that; what runs there runs
// as the database's user all the same.
var canSandbox = sync.OnceValue(func() bool {
	cmd, err := sandbox.Spec{Program: "/usr/bin/true", User: &sandbox.User{UID: 65534, GID: 65534}, Network: sandbox.Host}.Command(context.Background())
	return err == nil && cmd.Run() == nil
})
