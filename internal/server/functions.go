package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"gocloud.dev/secrets"

	"strongroom/internal/page"
	"strongroom/internal/sandbox"
	"strongroom/internal/service/lambda"
	"strongroom/internal/service/logs"
	"strongroom/internal/service/sts"
)

// Functions say whether and how Lambda functions run on this host.
type Functions struct {
	// Enabled lets them run; with server -dev they do.
	Enabled *bool `yaml:"enabled"`
	// Network is what they reach: "none", which is this server alone, or "host".
	Network string `yaml:"network"`
	// Users are who they run as where the server runs as root, one each: a range such as "780000-780999", which no other
	// user of the host is of.
	Users string `yaml:"users"`
	// Concurrency is how many run at once for an account in a Region; 100 by default.
	Concurrency int `yaml:"concurrency"`
	// Environments is how many are kept ready or at work on the whole host; 100 by default.
	Environments int `yaml:"environments"`

	firstUser, users int
}

// complete fills in defaults and checks what was given.
func (f *Functions) complete(dev bool) error {
	if f.Enabled == nil {
		f.Enabled = &dev
	}
	switch f.Network {
	case "":
		f.Network = "none"
	case "none", "host":
	default:
		return fmt.Errorf("functions.network: %q is neither none nor host", f.Network)
	}
	if f.Users == "" {
		f.Users = "780000-780999"
	}
	first, last, _ := strings.Cut(f.Users, "-")
	from, err := strconv.Atoi(first)
	to, also := strconv.Atoi(last)
	if err = errors.Join(err, also); err != nil || from < 1000 || to < from {
		return fmt.Errorf("functions.users: %q is no range of users such as 780000-780999", f.Users)
	}
	f.firstUser, f.users = from, to-from+1
	if f.Concurrency < 0 || f.Environments < 0 {
		return errors.New("functions: concurrency and environments cannot be below zero")
	}
	if f.Concurrency == 0 {
		f.Concurrency = 100
	}
	if f.Environments == 0 {
		f.Environments = 100
	}
	return nil
}

// openFunctions opens Lambda. Nothing runs before start.
func (s *Server) openFunctions(ctx context.Context, keeper *secrets.Keeper, pages *page.Sealer, sessions *sts.Service, m messaging, lines *logs.Service) (*lambda.Service, error) {
	seal, err := s.seal(ctx, keeper, "functions.key")
	if err != nil {
		return nil, err
	}
	f := s.config.Functions
	network := sandbox.None
	if f.Network == "host" {
		network = sandbox.Host
	}
	return lambda.New(lambda.Config{
		DB: s.db, Clock: s.clock, Wall: s.config.Wall, Door: s.door, Pages: pages, Seal: seal, Dir: filepath.Join(s.config.DataDir, "functions"),
		Enabled: *f.Enabled, Network: network, FirstUser: f.firstUser, Users: f.users, Concurrency: f.Concurrency, Environments: f.Environments,
		Lookup: sessions.Lookup, AssumeForService: sessions.AssumeForService, Deliver: m.outbox.Put, Endpoint: s.Endpoint, Log: s.log,
		PutLogs: func(ctx context.Context, accountID, region, group, stream string, all []lambda.LogLine) error {
			events := make([]logs.Event, len(all))
			for i, line := range all {
				events[i] = logs.Event(line)
			}
			return lines.Put(ctx, accountID, region, group, stream, events)
		},
	})
}

// startFunctions begins to run functions, which find the server at its own port, or where only root may listen on that, at the
// default one.
func (s *Server) startFunctions(ctx context.Context, functions *lambda.Service, handler http.Handler) error {
	s.onClose("functions", func(context.Context) error { return functions.Close() })
	port := s.listener.Addr().(*net.TCPAddr).Port
	if port < 1024 {
		port = 4566
	}
	return functions.Start(ctx, handler, port)
}
