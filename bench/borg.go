package main

import (
	"context"
	"os"
)

// borg with authenticated encryption whose hash is fast without help of the processor, and compression like the others'.
type borg struct{}

func (borg) name() string { return "borg" }

func (borg) describe(ctx context.Context) (string, error) {
	version, err := output(ctx, nil, "borg", "--version")
	return version + ", --encryption repokey-blake2, --compression zstd,3; volume with --sparse --chunker-params fixed,524288", err
}

func (borg) env(s site) []string {
	return []string{"BORG_PASSPHRASE=one", "BORG_BASE_DIR=" + s.cache(), "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes"}
}

func (b borg) prepare(ctx context.Context, s site) error {
	_, err := output(ctx, b.env(s), "borg", "init", "--encryption", "repokey-blake2", s.repository())
	return err
}

func (b borg) command(s site, op operation) *command {
	c := &command{dir: s.data.source(), store: s.repository(), env: b.env(s)}
	switch op {
	case firstBackup, unchangedBackup, unchangedReread, changedBackup, scatteredBackup:
		c.args = append([]string{"borg", "create", "--compression", "zstd,3"}, s.data.borgFlags()...)
		if op == unchangedReread {
			c.args = append(c.args, "--files-cache", "disabled")
		}
		c.args = append(c.args, s.repository()+"::"+tag(op), ".")
	case restore:
		c.dir, c.restored = s.restored(), s.restored()
		c.prepare = func() error { return os.MkdirAll(s.restored(), 0o755) }
		c.args = []string{"borg", "extract", "--sparse", s.repository() + "::" + tag(last(s.data))}
	case verify:
		c.args = []string{"borg", "check", "--verify-data", s.repository()}
	case removal:
		c.args = shell([]string{"borg", "prune", "--keep-last", "1", s.repository()}, []string{"borg", "compact", s.repository()})
	default:
		return nil // borg 1 has no copy between repositories
	}
	return c
}
