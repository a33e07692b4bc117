// Package nbdtest is a small NBD client for tests.
package nbdtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// Client is a connection to an export. It sends one request at a time and is used by one goroutine.
type Client struct {
	conn   net.Conn
	size   int64
	cookie uint64
}

// Dial negotiates for the export of a name.
func Dial(conn net.Conn, name string) (*Client, error) {
	hello := make([]byte, 18)
	if _, err := io.ReadFull(conn, hello); err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32(nil, 3) // fixed newstyle, no zeroes
	b = append(b, hello[8:16]...)
	b = binary.BigEndian.AppendUint32(b, 1) // NBD_OPT_EXPORT_NAME
	b = binary.BigEndian.AppendUint32(b, uint32(len(name)))
	if _, err := conn.Write(append(b, name...)); err != nil {
		return nil, err
	}
	export := make([]byte, 10)
	if _, err := io.ReadFull(conn, export); err != nil {
		return nil, err
	}
	return &Client{conn: conn, size: int64(binary.BigEndian.Uint64(export))}, nil
}

// Size is the export's size in bytes.
func (c *Client) Size() int64 { return c.size }

// ReadAt implements [io.ReaderAt].
func (c *Client) ReadAt(p []byte, off int64) (int, error) {
	return c.each(p, off, func(p []byte, off int64) error {
		if err := c.do(0, off, len(p), nil); err != nil {
			return err
		}
		_, err := io.ReadFull(c.conn, p)
		return err
	})
}

// WriteAt implements [io.WriterAt].
func (c *Client) WriteAt(p []byte, off int64) (int, error) {
	return c.each(p, off, func(p []byte, off int64) error { return c.do(1, off, len(p), p) })
}

// Flush makes what was written durable.
func (c *Client) Flush() error { return c.do(3, 0, 0, nil) }

// Close disconnects.
func (c *Client) Close() error {
	if _, err := c.conn.Write(c.request(2, 0, 0)); err != nil {
		return err
	}
	return c.conn.Close()
}

func (c *Client) each(p []byte, off int64, do func([]byte, int64) error) (int, error) {
	for done := 0; done < len(p); done += 1 << 20 {
		if err := do(p[done:min(len(p), done+1<<20)], off+int64(done)); err != nil {
			return done, err
		}
	}
	return len(p), nil
}

func (c *Client) request(command uint16, off int64, length int) []byte {
	c.cookie++
	b := binary.BigEndian.AppendUint32(nil, 0x25609513)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint16(b, command)
	b = binary.BigEndian.AppendUint64(b, c.cookie)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	return binary.BigEndian.AppendUint32(b, uint32(length))
}

func (c *Client) do(command uint16, off int64, length int, data []byte) error {
	if _, err := c.conn.Write(append(c.request(command, off, length), data...)); err != nil {
		return err
	}
	reply := make([]byte, 16)
	if _, err := io.ReadFull(c.conn, reply); err != nil {
		return err
	}
	if errno := binary.BigEndian.Uint32(reply[4:]); errno != 0 {
		return fmt.Errorf("nbd command %d at %d: errno %d", command, off, errno)
	}
	if cookie := binary.BigEndian.Uint64(reply[8:]); cookie != c.cookie {
		return fmt.Errorf("the reply has cookie %d, not %d", cookie, c.cookie)
	}
	return nil
}
