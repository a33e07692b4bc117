package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// An nbdClient reads and writes a network block device, one request at a time.
//
// The protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
type nbdClient struct {
	conn net.Conn
	in   *bufio.Reader
}

const (
	nbdRead, nbdWrite, nbdDisconnect, nbdFlush = 0, 1, 2, 3

	nbdOption  = 0x49484156454f5054
	nbdRequest = 0x25609513
	nbdReply   = 0x67446698
)

// dialNBD opens the device that is served on a Unix socket, by the one option that every server knows: its name, here empty.
func dialNBD(ctx context.Context, socket string) (*nbdClient, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	c := &nbdClient{conn, bufio.NewReaderSize(conn, 64*kib)}
	hello := make([]byte, 18)
	if _, err := io.ReadFull(c.in, hello); err != nil {
		return nil, err
	}
	answer := binary.BigEndian.AppendUint32(nil, 3) // fixed newstyle, no zeroes
	answer = binary.BigEndian.AppendUint64(answer, nbdOption)
	answer = binary.BigEndian.AppendUint32(answer, 1) // NBD_OPT_EXPORT_NAME
	answer = binary.BigEndian.AppendUint32(answer, 0)
	if _, err := conn.Write(answer); err != nil {
		return nil, err
	}
	export := make([]byte, 10) // size and flags
	_, err = io.ReadFull(c.in, export)
	return c, err
}

func (c *nbdClient) request(command uint16, off int64, length int, data []byte) error {
	header := binary.BigEndian.AppendUint32(nil, nbdRequest)
	header = binary.BigEndian.AppendUint16(header, 0)
	header = binary.BigEndian.AppendUint16(header, command)
	header = binary.BigEndian.AppendUint64(header, 0)
	header = binary.BigEndian.AppendUint64(header, uint64(off))
	header = binary.BigEndian.AppendUint32(header, uint32(length))
	buffers := net.Buffers{header, data}
	_, err := buffers.WriteTo(c.conn)
	return err
}

func (c *nbdClient) reply() error {
	answer := make([]byte, 16)
	if _, err := io.ReadFull(c.in, answer); err != nil {
		return err
	}
	if magic, code := binary.BigEndian.Uint32(answer), binary.BigEndian.Uint32(answer[4:]); magic != nbdReply || code != 0 {
		return fmt.Errorf("the device answers %x with error %d", magic, code)
	}
	return nil
}

// ReadAt implements io.ReaderAt for one caller at a time.
func (c *nbdClient) ReadAt(p []byte, off int64) (int, error) {
	if err := c.request(nbdRead, off, len(p), nil); err != nil {
		return 0, err
	}
	if err := c.reply(); err != nil {
		return 0, err
	}
	return io.ReadFull(c.in, p)
}

// WriteAt implements io.WriterAt for one caller at a time.
func (c *nbdClient) WriteAt(p []byte, off int64) (int, error) {
	if err := c.request(nbdWrite, off, len(p), p); err != nil {
		return 0, err
	}
	return len(p), c.reply()
}

// flush returns once what was written is durable.
func (c *nbdClient) flush() error {
	if err := c.request(nbdFlush, 0, 0, nil); err != nil {
		return err
	}
	return c.reply()
}

// Close ends the connection.
func (c *nbdClient) Close() error {
	_ = c.request(nbdDisconnect, 0, 0, nil) // the other side closes on it
	return c.conn.Close()
}
