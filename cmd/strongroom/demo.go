package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"strongroom/internal/demo"
	"strongroom/internal/server"
)

type demoOptions struct {
	keep    bool
	data    string
	listen  string
	objects int
	image   int
	rows    int
	copier  string
}

func demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo [--keep]",
		Short: "Run the main job, end to end, on a fresh server",
		Long: `Starts a server on a fresh data directory, builds the three-account solution through the
public APIs, writes buckets, ext4 volumes and a PostgreSQL database, runs the plans simple,
cross-region and cross-region-special (whose second copy a function makes), deletes the
originals, restores them in the member account, inside the backup account in the second
Region, and after copying back, and compares every byte and row.

With --keep the server goes on until it is told to stop, for a look around.

Exit codes: 0 every byte came back, 1 something did not, 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c.Context(), o, c.OutOrStdout()) },
	}
	f := c.Flags()
	f.BoolVar(&o.keep, "keep", false, "leave the server running, with profiles to explore")
	f.StringVar(&o.data, "data", "", "data directory, new or empty (default: a temporary one)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address to serve on; port 0 takes a free one")
	f.IntVar(&o.objects, "objects", 2500, "keys in each of the two buckets")
	f.IntVar(&o.image, "image", 128, "size of each ext4 image in MiB")
	f.IntVar(&o.rows, "rows", 100_000, "rows of the database")
	f.StringVar(&o.copier, "copier", "", "zip of the function that makes second copies (default: strongroom-copier.zip beside this program)")
	return c
}

func runDemo(ctx context.Context, o demoOptions, out io.Writer) (err error) {
	if o.data == "" {
		dir, err := os.MkdirTemp("", "strongroom-demo-")
		if err != nil {
			return err
		}
		o.data = dir
		if !o.keep {
			defer os.RemoveAll(dir) //nolint:errcheck // nothing more can be done
		}
	} else if entries, err := os.ReadDir(o.data); err == nil && len(entries) > 0 {
		return &exitError{exitUsage, fmt.Errorf("%s is not empty: the demo wants a fresh data directory", o.data)}
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return err
	}
	if o.copier == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.copier = filepath.Join(filepath.Dir(self), "strongroom-copier.zip")
	}
	logFile, err := os.Create(filepath.Join(o.data, "server.log"))
	if err != nil {
		return err
	}
	defer logFile.Close() //nolint:errcheck // a log
	log := slog.New(slog.NewTextHandler(logFile, nil))

	s, err := server.Start(ctx, server.Config{DataDir: o.data, Dev: true, Listen: o.listen}, log)
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.Close(context.WithoutCancel(ctx)); err == nil {
			err = closing
		}
	}()
	fmt.Fprintf(out, "Strongroom serves at %s, data in %s, rules as of %s.\n", s.Endpoint(), o.data, s.RulesAsOf())

	admin := server.OpenAdmin(o.data)
	err = demo.Run(ctx, demo.Options{
		ProfilesDir: s.ProfilesDir(), HomeRegion: server.HomeRegion, SecondRegion: server.SecondRegion,
		Objects: o.objects, ImageMiB: o.image, Rows: o.rows, Copier: o.copier, Out: out, Terminal: isTerminal(out),
		Advance: func(ctx context.Context, d time.Duration) error {
			_, err := admin.Clock(ctx, server.ClockMove{Advance: d, DoNotWait: true})
			return err
		},
		Now: func(ctx context.Context) (time.Time, error) {
			clock, err := admin.Clock(ctx, server.ClockMove{})
			return clock.Now, err
		},
		Stored: func(ctx context.Context) (map[string]demo.Stored, error) {
			points, err := admin.Points(ctx)
			stored := map[string]demo.Stored{}
			for _, p := range points {
				stored[p.ARN] = demo.Stored{New: p.NewBytes, Stored: p.StoredBytes}
			}
			return stored, err
		},
	})
	if err != nil || !o.keep {
		return err
	}
	fmt.Fprintf(out, `
The server goes on; stop it with Ctrl-C. To look around:

  export AWS_CONFIG_FILE=%[1]s/config AWS_SHARED_CREDENTIALS_FILE=%[1]s/credentials STRONGROOM_DATA=%[2]s
  aws --profile member backup list-recovery-points-by-backup-vault --backup-vault-name member-vault
  aws --profile backup backup list-recovery-points-by-backup-vault --backup-vault-name backup-vault
  bin/strongroom admin points
`, s.ProfilesDir(), o.data)
	<-ctx.Done()
	return nil
}

// isTerminal reports whether out is a terminal, where bars can move.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
