// Package nbd exports a block device over the Network Block Device protocol, so that a kernel (nbd-client), qemu or
// libnbd can use it as a disk. It speaks the fixed newstyle negotiation and simple replies, and knows nothing of what
// the device is.
//
// The protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
package nbd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Device is what is exported. Its methods are called at once from several goroutines.
type Device interface {
	io.ReaderAt
	io.WriterAt
	// Size is the length in bytes; it does not change while the device is exported.
	Size() int64
	// Trim tells that the bytes are not needed any more.
	Trim(off, length int64) error
	// WriteZeroes makes the bytes read as zeros.
	WriteZeroes(off, length int64) error
	// Flush returns once all writes that have returned before are durable.
	Flush() error
}

const (
	magicServer  = 0x4e42444d41474943 // "NBDMAGIC"
	magicOption  = 0x49484156454f5054 // "IHAVEOPT"
	magicReply   = 0x0003e889045565a9
	magicRequest = 0x25609513
	magicSimple  = 0x67446698

	flagFixedNewstyle = 1 << 0
	flagNoZeroes      = 1 << 1

	optExportName = 1
	optAbort      = 2
	optList       = 3
	optInfo       = 6
	optGo         = 7

	repAck        = 1
	repServer     = 2
	repInfo       = 3
	repErrUnsup   = 1<<31 + 1
	repErrInvalid = 1<<31 + 3
	repErrUnknown = 1<<31 + 6

	infoExport    = 0
	infoBlockSize = 3

	transmission = 1<<0 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<8 // flags, flush, FUA, trim, write zeroes, several connections

	cmdRead        = 0
	cmdWrite       = 1
	cmdDisconnect  = 2
	cmdFlush       = 3
	cmdTrim        = 4
	cmdWriteZeroes = 6

	flagFUA = 1 << 0

	errnoIO       = 5
	errnoInvalid  = 22
	errnoNoSpace  = 28
	errnoOverflow = 75

	maxOption  = 64 << 10
	maxPayload = 32 << 20
	inFlight   = 16 // requests of one connection that run at once
)

// ErrProtocol is wrapped when the client does not speak the protocol.
var ErrProtocol = errors.New("nbd protocol violated")

// Serve negotiates on conn and answers requests until the client disconnects (nil), the connection breaks or the context
// ends; the connection is closed then. The client finds the device under name and under the empty name.
func Serve(ctx context.Context, conn net.Conn, name string, device Device) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close() //nolint:errcheck // the answers have been written
	s := &session{conn: conn, in: bufio.NewReaderSize(conn, 256<<10), name: name, device: device}
	begin, err := s.negotiate()
	if err == nil && begin {
		err = s.transmit()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

type session struct {
	conn     net.Conn
	in       *bufio.Reader
	name     string
	device   Device
	noZeroes bool

	write sync.Mutex // a reply is written whole
}

// negotiate reports whether transmission begins.
func (s *session) negotiate() (bool, error) {
	hello := binary.BigEndian.AppendUint64(nil, magicServer)
	hello = binary.BigEndian.AppendUint64(hello, magicOption)
	hello = binary.BigEndian.AppendUint16(hello, flagFixedNewstyle|flagNoZeroes)
	if _, err := s.conn.Write(hello); err != nil {
		return false, err
	}
	flags, err := s.read(4)
	if err != nil {
		return false, err
	}
	s.noZeroes = binary.BigEndian.Uint32(flags)&flagNoZeroes != 0
	for {
		header, err := s.read(16)
		if err != nil {
			return false, err
		}
		if binary.BigEndian.Uint64(header) != magicOption {
			return false, fmt.Errorf("%w: option without its magic", ErrProtocol)
		}
		option, length := binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint32(header[12:])
		if length > maxOption {
			return false, fmt.Errorf("%w: option of %d bytes", ErrProtocol, length)
		}
		data, err := s.read(int(length))
		if err != nil {
			return false, err
		}
		if begin, done, err := s.option(option, data); done || err != nil {
			return begin, err
		}
	}
}

func (s *session) option(option uint32, data []byte) (begin, done bool, err error) {
	switch option {
	case optExportName:
		if !s.knows(string(data)) {
			return false, true, fmt.Errorf("%w: export %q does not exist", ErrProtocol, data)
		}
		answer := s.export(nil)
		if !s.noZeroes {
			answer = append(answer, make([]byte, 124)...)
		}
		_, err := s.conn.Write(answer)
		return true, true, err
	case optAbort:
		return false, true, s.reply(option, repAck, nil)
	case optList:
		entry := binary.BigEndian.AppendUint32(nil, uint32(len(s.name)))
		if err := s.reply(option, repServer, append(entry, s.name...)); err != nil {
			return false, true, err
		}
		return false, false, s.reply(option, repAck, nil)
	case optInfo, optGo:
		return s.info(option, data)
	}
	return false, false, s.reply(option, repErrUnsup, nil)
}

func (s *session) info(option uint32, data []byte) (begin, done bool, err error) {
	if len(data) < 6 || uint64(binary.BigEndian.Uint32(data)) > uint64(len(data)-6) {
		return false, false, s.reply(option, repErrInvalid, nil)
	}
	if name := data[4 : 4+binary.BigEndian.Uint32(data)]; !s.knows(string(name)) {
		return false, false, s.reply(option, repErrUnknown, nil)
	}
	if err := s.reply(option, repInfo, s.export(binary.BigEndian.AppendUint16(nil, infoExport))); err != nil {
		return false, true, err
	}
	sizes := binary.BigEndian.AppendUint16(nil, infoBlockSize)
	for _, size := range []uint32{1, 4096, maxPayload} { // smallest, preferred, largest
		sizes = binary.BigEndian.AppendUint32(sizes, size)
	}
	if err := s.reply(option, repInfo, sizes); err != nil {
		return false, true, err
	}
	return option == optGo, option == optGo, s.reply(option, repAck, nil)
}

func (s *session) knows(name string) bool { return name == "" || name == s.name }

func (s *session) export(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.device.Size()))
	return binary.BigEndian.AppendUint16(b, transmission)
}

func (s *session) reply(option, kind uint32, data []byte) error {
	b := binary.BigEndian.AppendUint64(nil, magicReply)
	b = binary.BigEndian.AppendUint32(b, option)
	b = binary.BigEndian.AppendUint32(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	_, err := s.conn.Write(append(b, data...))
	return err
}

func (s *session) read(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(s.in, b)
	return b, err
}
