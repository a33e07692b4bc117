package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
)

// attach serves a volume by the NBD protocol on a Unix socket until ctx ends.
func (s *Server) attach(ctx context.Context, a attachment) (any, error) {
	if _, err := s.engine.Volume(ctx, a.VolumeID); err != nil {
		return nil, err
	}
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "unix", a.Socket)
	if err != nil {
		return nil, fmt.Errorf("listening for clients of %s: %w", a.VolumeID, err)
	}
	if err := os.Chmod(a.Socket, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() }) // which ends Accept
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		clients.Go(func() {
			if err := s.engine.ServeNBD(ctx, conn, a.VolumeID); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "a client of a volume", slog.String("volume", a.VolumeID), slog.String("error", err.Error()))
			}
		})
	}
}
