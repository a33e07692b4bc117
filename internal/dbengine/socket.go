package dbengine

import (
	"context"
	"fmt"
	"net"
	"os"
)

// DialSocket connects to a Unix socket whose path may be longer than the 107 bytes that such an address holds: it goes by the
// directory's descriptor.
func DialSocket(ctx context.Context, dir, name string) (net.Conn, error) {
	d, err := os.Open(dir) //nolint:gosec // the database's own directory
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name))
}
