// Package strongroomtest gives tests a real server, with a real database, stores and signatures, in one line.
package strongroomtest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"strongroom/internal/porttest"
	"strongroom/internal/server"
)

// Server is a running server with the organization of server -dev.
type Server struct {
	*server.Server
	Admin *server.Admin
	Dir   string
}

// Options change what [New] starts.
type Options struct {
	Config server.Config
	// Standalone leaves the accounts without an organization.
	Standalone bool
}

// New starts a server on a free port of the loopback interface and stops it when the test ends.
func New(t testing.TB, options ...Options) *Server {
	t.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	c := o.Config
	c.Dev = !o.Standalone
	if c.Quotas.Accounts == 0 {
		c.Quotas.Accounts = 10000 // tests of large organizations need no leave
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Databases.Ports == "" {
		c.Databases.Ports = porttest.New(t).String()
	}
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	prepare(t, c.DataDir)
	s, err := server.Start(t.Context(), c, slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatalf("starting the server: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return &Server{Server: s, Admin: server.OpenAdmin(c.DataDir), Dir: c.DataDir}
}

// AWS is the configuration of an SDK client that acts with a profile in a Region.
func (s *Server) AWS(t testing.TB, profile, region string) aws.Config {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(context.Background(),
		config.WithSharedConfigFiles([]string{s.ProfilesDir() + "/config"}),
		config.WithSharedCredentialsFiles([]string{s.ProfilesDir() + "/credentials"}),
		config.WithSharedConfigProfile(profile),
		config.WithRegion(region),
	)
	if err != nil {
		t.Fatalf("reading profile %s: %v", profile, err)
	}
	return cfg
}

// testWriter sends the server's log to the test.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}
