package server_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strongroom/internal/server"
)

func start(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	c.Listen = "127.0.0.1:0"
	s, err := server.Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStartRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	busy := t.TempDir()
	start(t, server.Config{DataDir: busy})
	noKey := t.TempDir()
	if err := os.WriteFile(filepath.Join(noKey, "state.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config server.Config
		want   string
	}{
		"no data directory":            {server.Config{}, "--data"},
		"a directory in use":           {server.Config{DataDir: busy}, "in use by another strongroom process"},
		"state without its root key":   {server.Config{DataDir: noKey}, "put the key back"},
		"an account id that is none":   {server.Config{DataDir: t.TempDir(), Accounts: []server.Account{{ID: "12", Name: "a"}}}, "accounts[0].id"},
		"a secret without its key":     {server.Config{DataDir: t.TempDir(), Accounts: []server.Account{{ID: "111111111111", Name: "a", SecretAccessKey: "s"}}}, "go together"},
		"two accounts of one name":     {server.Config{DataDir: t.TempDir(), Accounts: []server.Account{{ID: "111111111111", Name: "a"}, {ID: "222222222222", Name: "a"}}}, "named twice"},
		"a day that is none":           {server.Config{DataDir: t.TempDir(), RulesAsOf: "yesterday"}, "rules_as_of"},
		"an address that is not here":  {server.Config{DataDir: t.TempDir(), Listen: "192.0.2.1:1"}, "192.0.2.1:1"},
		"a directory nobody may write": {server.Config{DataDir: "/proc/strongroom"}, "data directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.config.Listen == "" {
				test.config.Listen = "127.0.0.1:0"
			}
			s, err := server.Start(t.Context(), test.config, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = s.Close(t.Context())
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error %q does not say %q", err, test.want)
			}
		})
	}
}

func TestConfigurationNamesUnknownKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "strongroom.yaml")
	if err := os.WriteFile(path, []byte("listn: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ReadConfig(path); err == nil || !strings.Contains(err.Error(), "listn") {
		t.Errorf("an unknown key is answered with %v", err)
	}
}

func TestProfilesAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30)) // also where a socket's path would be too long
	s := start(t, server.Config{DataDir: dir})
	for _, name := range []string{"config", "credentials"} {
		info, err := os.Stat(filepath.Join(s.ProfilesDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if _, err := server.OpenAdmin(dir).Clock(t.Context(), server.ClockMove{}); err != nil {
		t.Errorf("the administrator is not heard: %v", err)
	}
}

func TestTheClockIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := server.Start(t.Context(), server.Config{DataDir: dir, Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	moved, err := server.OpenAdmin(dir).Clock(t.Context(), server.ClockMove{Advance: 100 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	start(t, server.Config{DataDir: dir})
	kept, err := server.OpenAdmin(dir).Clock(t.Context(), server.ClockMove{})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Now.Before(moved.Now) || kept.Offset.Round(time.Minute) != 100*time.Hour {
		t.Errorf("the clock was moved to %v and shows %v after a restart", moved.Now, kept.Now)
	}
	if _, err := server.OpenAdmin(dir).Clock(t.Context(), server.ClockMove{To: time.Unix(0, 0)}); err == nil {
		t.Error("the clock went back")
	}
}
