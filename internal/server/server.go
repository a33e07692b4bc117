package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/catalogue"
	"strongroom/internal/page"
	ebskind "strongroom/internal/resource/ebs"
	"strongroom/internal/service/delivery"
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
	"strongroom/internal/wire"
	"strongroom/internal/work"
)

// Server is the running process.
type Server struct {
	config     Config
	log        *slog.Logger
	clock      *clock.Shifted
	db         *state.DB
	door       *api.Door
	identities *iam.Service
	memory     *archive.Budget // that jobs hold data on its way in
	engine     *ebskind.Engine
	runner     *work.Runner
	mirror     *catalogue.Mirror // keeps the catalogue beside the data
	outbox     *delivery.Outbox
	listener   net.Listener
	clockMoves sync.Mutex // held while the clock is moved

	// closers end what was begun, the last first.
	closers []closer
}

type closer struct {
	what  string
	close func(context.Context) error
}

// Start opens everything below the data directory and serves. If it fails, what was opened is closed.
func Start(ctx context.Context, config Config, log *slog.Logger) (s *Server, err error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	s = &Server{config: config, log: log, memory: archive.NewBudget(config.Jobs.memory)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
			s = nil
		}
	}()
	keeper, err := s.openData(ctx)
	if err != nil {
		return s, err
	}
	services, err := s.wire(ctx, keeper)
	if err != nil {
		return s, err
	}
	profiles, err := s.makeAccounts(ctx, services)
	if err != nil {
		return s, err
	}
	if err := s.runner.Start(ctx); err != nil {
		return s, err
	}
	s.onClose("jobs", s.runner.Stop)
	if err := s.serve(ctx, services); err != nil {
		return s, err
	}
	if err := s.startMessaging(ctx, services.messaging); err != nil {
		return s, err
	}
	if err := writeProfiles(config.DataDir, s.Endpoint(), profiles); err != nil {
		return s, err
	}
	// Last, because its socket is the sign that the server is ready.
	stop, err := s.serveAdmin(ctx)
	if err != nil {
		return s, err
	}
	s.onClose("administration", stop)
	return s, nil
}

func (s *Server) onClose(what string, close func(context.Context) error) {
	s.closers = append(s.closers, closer{what, close})
}

// Close ends the process's work in the opposite order of its beginning. It may be called more than once.
func (s *Server) Close(ctx context.Context) error {
	var all []error
	for _, c := range slices.Backward(s.closers) {
		if err := c.close(ctx); err != nil {
			all = append(all, fmt.Errorf("closing %s: %w", c.what, err))
		}
	}
	s.closers = nil
	return errors.Join(all...)
}

// Endpoint is the URL that clients use.
func (s *Server) Endpoint() string { return "http://" + s.listener.Addr().String() }

// ProfilesDir holds config and credentials for AWS clients.
func (s *Server) ProfilesDir() string { return filepath.Join(s.config.DataDir, "aws") }

// RulesAsOf is the day whose rules hold, or "current".
func (s *Server) RulesAsOf() string {
	if s.config.RulesAsOf == "" {
		return "current"
	}
	return s.config.RulesAsOf
}

// openData locks the data directory and opens the root key, the clock and the state.
func (s *Server) openData(ctx context.Context) (*secrets.Keeper, error) {
	dir := s.config.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	lock, err := lockData(dir)
	if err != nil {
		return nil, err
	}
	s.onClose("the lock", func(context.Context) error { return lock.Close() })
	keeper, err := openRootKey(dir)
	if err != nil {
		return nil, err
	}
	s.onClose("the root key", func(context.Context) error { return keeper.Close() })
	c, restore := openClock()
	s.clock = c
	if s.db, err = state.Open(ctx, filepath.Join(dir, "state.db"), c); err != nil {
		return nil, err
	}
	s.onClose("the state", func(context.Context) error { return s.db.Close() })
	return keeper, restore(ctx, s.db)
}

// pages opens the sealer of list tokens. Its key is kept, so that tokens outlive a restart.
func (s *Server) pages(ctx context.Context, keeper *secrets.Keeper) (*page.Sealer, error) {
	key, err := keptKey(ctx, s.db, keeper, "pages.key")
	if err != nil {
		return nil, fmt.Errorf("opening the key of list tokens: %w", err)
	}
	return page.NewSealer(key)
}

// makeAccounts makes the configured accounts, and with -dev their organization, and returns their profiles.
func (s *Server) makeAccounts(ctx context.Context, all *services) ([]profile, error) {
	var profiles []profile
	var members []string
	for i, a := range s.config.Accounts {
		key, err := all.iam.EnsureAccount(ctx, a.ID, a.Name, iam.Credential{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey})
		if err != nil {
			return nil, fmt.Errorf("making account %s: %w", a.ID, err)
		}
		profiles = append(profiles, profile{a.Name, a.Region, key.AccessKeyID, key.SecretAccessKey})
		if i > 0 {
			members = append(members, a.ID)
		}
	}
	if !s.config.Dev {
		return profiles, nil
	}
	if err := all.organizations.EnsureOrganization(ctx, DevOrganizationID, s.config.Accounts[0].ID, members...); err != nil {
		return nil, fmt.Errorf("making the organization: %w", err)
	}
	return profiles, nil
}

// serve listens on the configured address.
func (s *Server) serve(ctx context.Context, all *services) error {
	handler := wire.NewHandler(wire.Config{Door: s.door, Credentials: all.sts, Clock: s.clock, Wall: s.config.Wall, Log: s.log, CrossOrigin: all.objects.CrossOrigin})
	handler = all.messaging.links(handler)
	server := wire.NewServer(s.config.Listen, handler)
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.config.Listen, err)
	}
	s.listener = listener
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	s.onClose("requests", func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return s.startFunctions(ctx, all.functions, handler)
}

// Operations lists the operations of AWS that the server answers, as "backup:CreateBackupVault", in order.
func (s *Server) Operations() []string {
	var all []string
	for name, service := range s.door.Services() {
		for _, op := range service.Operations {
			if strings.HasPrefix(op.In.PkgPath(), "github.com/aws/aws-sdk-go-v2/service/") { // others are the house's own
				all = append(all, name+":"+op.Name)
			}
		}
	}
	slices.Sort(all)
	return all
}
