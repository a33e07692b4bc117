package server_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

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
		"a store on a host":            {server.Config{DataDir: t.TempDir(), Regions: map[string]server.Region{"eu-north-1": {Store: "file://srv/north"}}}, "regions.eu-north-1.store"},
		"a store that is no URL":       {server.Config{DataDir: t.TempDir(), Regions: map[string]server.Region{"eu-north-1": {Store: "/srv/north"}}}, "regions.eu-north-1.store"},
		"a store without a bucket":     {server.Config{DataDir: t.TempDir(), Regions: map[string]server.Region{"eu-north-1": {Store: "s3:"}}}, "names no bucket"},
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

func TestAnotherRootKeyIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := server.Start(t.Context(), server.Config{DataDir: dir, Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := base64.StdEncoding.EncodeToString(make([]byte, 32))
	if err := os.WriteFile(filepath.Join(dir, "root.key"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = server.Start(t.Context(), server.Config{DataDir: dir, Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "root.key does not open") {
		t.Errorf("another root key is answered with %v", err)
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

// A data directory may be given from where the server is started, as the README's tour does.
func TestARelativeDataDirectoryHoldsEverything(t *testing.T) {
	t.Chdir(t.TempDir())
	s := start(t, server.Config{DataDir: "./data", Dev: true})
	if !filepath.IsAbs(s.ProfilesDir()) {
		t.Errorf("the profiles lie in %s, which is elsewhere from elsewhere", s.ProfilesDir())
	}
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithSharedConfigFiles([]string{s.ProfilesDir() + "/config"}),
		config.WithSharedCredentialsFiles([]string{s.ProfilesDir() + "/credentials"}),
		config.WithSharedConfigProfile("member"))
	if err != nil {
		t.Fatal(err)
	}
	volumes := ec2.NewFromConfig(cfg)
	volume, err := volumes.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("eu-central-1a"), Size: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	soon := func(o *ec2.VolumeAvailableWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	if err := ec2.NewVolumeAvailableWaiter(volumes, soon).Wait(t.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*volume.VolumeId}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	snapshot, err := volumes.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: volume.VolumeId})
	if err != nil {
		t.Fatal(err)
	}
	fast := func(o *ec2.SnapshotCompletedWaiterOptions) { o.MinDelay = 50 * time.Millisecond }
	if err := ec2.NewSnapshotCompletedWaiter(volumes, fast).Wait(t.Context(), &ec2.DescribeSnapshotsInput{SnapshotIds: []string{*snapshot.SnapshotId}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("data/regions/eu-central-1/archive/snapshots/111111111111"); err != nil {
		t.Errorf("the archive is elsewhere: %v", err)
	}
}

// TestWebhooks reads the networks in which endpoints may be called.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	for text, want := range map[string][]netip.Prefix{
		"listen: 127.0.0.1:1":                            nil,
		`webhooks: {allow: ["127.0.0.0/8", "fd00::/8"]}`: {netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := server.ReadConfig(path); err != nil || !slices.Equal(c.Webhooks.Allow, want) {
			t.Errorf("%s is read as %v: %v", text, c.Webhooks.Allow, err)
		}
	}
	if err := os.WriteFile(path, []byte("webhooks: {allow: [localhost]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ReadConfig(path); err == nil || !strings.Contains(err.Error(), "localhost") {
		t.Errorf("what is no network is answered with %v", err)
	}
}
