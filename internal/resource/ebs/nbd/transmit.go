package nbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

type request struct {
	flags, command uint16
	cookie         uint64
	off            int64
	length         uint32
	data           *[]byte // of a write; of payloads
}

// payloads is memory for what is read and written: making and clearing it anew for each request took a third of their time.
var payloads = sync.Pool{New: func() any { return new([]byte) }}

// payload gives memory of a length that has anything in it.
func payload(length int) *[]byte {
	p := payloads.Get().(*[]byte)
	if cap(*p) < length {
		*p = make([]byte, length)
	}
	*p = (*p)[:length]
	return p
}

// transmit answers requests until the client disconnects. It returns after the last answer is written.
func (s *session) transmit() error {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, inFlight)
	for {
		r, err := s.next()
		if err != nil || r.command == cmdDisconnect {
			if errors.Is(err, io.EOF) {
				err = nil // the client went without a word, which the protocol allows
			}
			return err
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			s.answer(r)
		})
	}
}

func (s *session) next() (request, error) {
	header, err := s.read(28)
	if err != nil {
		return request{}, err
	}
	if binary.BigEndian.Uint32(header) != magicRequest {
		return request{}, fmt.Errorf("%w: request without its magic", ErrProtocol)
	}
	r := request{
		flags:   binary.BigEndian.Uint16(header[4:]),
		command: binary.BigEndian.Uint16(header[6:]),
		cookie:  binary.BigEndian.Uint64(header[8:]),
		off:     int64(binary.BigEndian.Uint64(header[16:])),
		length:  binary.BigEndian.Uint32(header[24:]),
	}
	if r.command == cmdWrite {
		if r.length > maxPayload {
			return request{}, fmt.Errorf("%w: write of %d bytes", ErrProtocol, r.length)
		}
		r.data = payload(int(r.length))
		_, err = io.ReadFull(s.in, *r.data)
	}
	return r, err
}

// answer runs a request and writes its reply. A reply that cannot be written ends the connection by itself: the next
// read fails.
func (s *session) answer(r request) {
	length := replyHeader
	if r.command == cmdRead && r.length <= maxPayload {
		length += int(r.length)
	}
	reply := payload(length)
	defer payloads.Put(reply)
	b := *reply
	errno := s.run(r, b[replyHeader:])
	if r.data != nil {
		payloads.Put(r.data)
	}
	if errno != 0 {
		b = b[:replyHeader]
	}
	binary.BigEndian.PutUint32(b, magicSimple)
	binary.BigEndian.PutUint32(b[4:], errno)
	binary.BigEndian.PutUint64(b[8:], r.cookie)
	s.write.Lock()
	defer s.write.Unlock()
	if _, err := s.conn.Write(b); err != nil {
		_ = s.conn.Close()
	}
}

// replyHeader is the length of a reply before what was read.
const replyHeader = 16

// run does what a request asks for, and reads into data.
func (s *session) run(r request, data []byte) (errno uint32) {
	if r.command != cmdFlush && (r.off < 0 || r.off > s.device.Size()-int64(r.length)) {
		if r.command == cmdRead {
			return errnoInvalid
		}
		return errnoNoSpace
	}
	var err error
	switch r.command {
	case cmdRead:
		if r.length > maxPayload {
			return errnoOverflow
		}
		var n int
		n, err = s.device.ReadAt(data, r.off)
		clear(data[n:]) // what another request left there is nobody's
	case cmdWrite:
		_, err = s.device.WriteAt(*r.data, r.off)
	case cmdFlush:
		err = s.device.Flush()
	case cmdTrim:
		err = s.device.Trim(r.off, int64(r.length))
	case cmdWriteZeroes:
		err = s.device.WriteZeroes(r.off, int64(r.length))
	default:
		return errnoInvalid
	}
	if err == nil && r.flags&flagFUA != 0 && r.command != cmdRead {
		err = s.device.Flush()
	}
	if err != nil {
		return errnoIO
	}
	return 0
}
