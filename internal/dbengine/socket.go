package dbengine

import (
	"context"
	"fmt"
	"io/fs"
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
	path := fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() != fs.ModeSocket { // but a link to somebody else's
		return nil, fmt.Errorf("%s is no socket", name)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", path)
}
