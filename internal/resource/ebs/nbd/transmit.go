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
	data           []byte // of a write
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
		r.data, err = s.read(int(r.length))
	}
	return r, err
}

// answer runs a request and writes its reply. A reply that cannot be written ends the connection by itself: the next
// read fails.
func (s *session) answer(r request) {
	data, errno := s.run(r)
	b := make([]byte, 0, 16+len(data))
	b = binary.BigEndian.AppendUint32(b, magicSimple)
	b = binary.BigEndian.AppendUint32(b, errno)
	b = binary.BigEndian.AppendUint64(b, r.cookie)
	b = append(b, data...)
	s.write.Lock()
	defer s.write.Unlock()
	if _, err := s.conn.Write(b); err != nil {
		_ = s.conn.Close()
	}
}

func (s *session) run(r request) (data []byte, errno uint32) {
	if r.command != cmdFlush && (r.off < 0 || r.off > s.device.Size()-int64(r.length)) {
		if r.command == cmdRead {
			return nil, errnoInvalid
		}
		return nil, errnoNoSpace
	}
	var err error
	switch r.command {
	case cmdRead:
		if r.length > maxPayload {
			return nil, errnoOverflow
		}
		data = make([]byte, r.length)
		_, err = s.device.ReadAt(data, r.off)
	case cmdWrite:
		_, err = s.device.WriteAt(r.data, r.off)
	case cmdFlush:
		err = s.device.Flush()
	case cmdTrim:
		err = s.device.Trim(r.off, int64(r.length))
	case cmdWriteZeroes:
		err = s.device.WriteZeroes(r.off, int64(r.length))
	default:
		return nil, errnoInvalid
	}
	if err == nil && r.flags&flagFUA != 0 && r.command != cmdRead {
		err = s.device.Flush()
	}
	if err != nil {
		return nil, errnoIO
	}
	return data, 0
}
