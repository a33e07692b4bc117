package rds

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Ports is the range of ports that databases get.
type Ports struct{ First, Last int }

// ParsePorts reads a range such as 15432-16431.
func ParsePorts(text string) (Ports, error) {
	var p Ports
	if n, err := fmt.Sscanf(text, "%d-%d", &p.First, &p.Last); err != nil || n != 2 || fmt.Sprintf("%d-%d", p.First, p.Last) != text {
		return Ports{}, fmt.Errorf("%q is not a range of ports such as 15432-16431", text)
	}
	if p.First < 1024 || p.Last > 65535 || p.First > p.Last {
		return Ports{}, fmt.Errorf("%q is not a range of ports between 1024 and 65535", text)
	}
	return p, nil
}

// choosePort finds a port for a database: the one asked for, if nobody on the host has it, or one of the range. It is not
// taken before the transaction ends, and no other transaction chooses meanwhile.
func (f *Fleet) choosePort(ctx context.Context, tx *state.Tx, asked int) (int64, error) {
	all, err := tx.AllDatabases(ctx)
	if err != nil {
		return 0, err
	}
	taken := map[int64]bool{}
	for _, d := range all {
		taken[d.Port] = true
	}
	if asked != 0 && !taken[int64(asked)] && f.free(ctx, asked) {
		return int64(asked), nil
	}
	for port := f.Ports.First; port <= f.Ports.Last; port++ {
		if !taken[int64(port)] && f.free(ctx, port) {
			return int64(port), nil
		}
	}
	return 0, &api.Error{
		Code: "InstanceQuotaExceeded", Status: 400,
		Message: fmt.Sprintf("All ports of this server that are set aside for databases (%d-%d) are taken.", f.Ports.First, f.Ports.Last),
	}
}

// MovePort gives a database another port from its next start on: the one asked for, if it can be had.
func (f *Fleet) MovePort(ctx context.Context, tx *state.Tx, d state.Database, asked int) error {
	port, err := f.choosePort(ctx, tx, asked)
	if err != nil {
		return err
	}
	return tx.SetDatabasePort(ctx, d.ID, port)
}

// free reports whether nobody listens on a port.
func (f *Fleet) free(ctx context.Context, port int) bool {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", net.JoinHostPort(f.Address, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
