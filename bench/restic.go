package main

import (
	"context"
	"strings"
)

// restic with its defaults: compression "auto", content-defined chunks, AES-256-CTR with Poly1305.
type restic struct{ sparse bool }

func newRestic(ctx context.Context) (*restic, error) {
	help, err := output(ctx, nil, "restic", "restore", "--help")
	if err != nil {
		return nil, err
	}
	return &restic{sparse: strings.Contains(help, "--sparse")}, nil
}

func (*restic) name() string { return "restic" }

func (r *restic) describe(ctx context.Context) (string, error) {
	version, err := output(ctx, nil, "restic", "version")
	version, _, _ = strings.Cut(version, " compiled")
	version += ", repository format 2, --compression auto (the default)"
	if r.sparse {
		version += ", restore --sparse"
	}
	return version, err
}

func (*restic) env() []string {
	return []string{"RESTIC_PASSWORD=one", "RESTIC_FROM_PASSWORD=one"}
}

func (r *restic) args(s site, args ...string) []string {
	return append([]string{"restic", "--quiet", "--cache-dir", s.cache()}, args...)
}

func (r *restic) prepare(ctx context.Context, s site) error {
	if _, err := output(ctx, r.env(), r.args(s, "init", "--repo", s.repository())...); err != nil {
		return err
	}
	_, err := output(ctx, append(r.env(), "RESTIC_PASSWORD=two"), r.args(s, "init", "--repo", s.copy(),
		"--from-repo", s.repository(), "--copy-chunker-params")...)
	return err
}

func (r *restic) command(s site, op operation) *command {
	c := &command{dir: s.data.source(), store: s.repository(), env: r.env()}
	switch op {
	case firstBackup, unchangedBackup, changedBackup, scatteredBackup:
		c.args = r.args(s, "backup", "--repo", s.repository(), "--tag", tag(op), ".")
	case unchangedReread:
		c.args = r.args(s, "backup", "--repo", s.repository(), "--tag", tag(op), "--force", ".")
	case firstCopy, nextCopy:
		c.store = s.copy()
		c.env = append(c.env, "RESTIC_PASSWORD=two")
		c.args = r.args(s, "copy", "--repo", s.copy(), "--from-repo", s.repository(), "--tag", tag(copied[op]))
	case restore:
		c.restored = s.restored()
		c.args = r.args(s, "restore", "latest", "--repo", s.repository(), "--target", s.restored())
		if r.sparse {
			c.args = append(c.args, "--sparse")
		}
	case verify:
		c.args = r.args(s, "check", "--read-data", "--repo", s.repository())
	case removal:
		c.args = r.args(s, "forget", "--repo", s.repository(), "--keep-last", "1", "--group-by", "", "--prune")
	default:
		return nil
	}
	return c
}

// copied tells which backup a copy copies.
var copied = map[operation]operation{firstCopy: firstBackup, nextCopy: changedBackup}

// tag names a backup.
func tag(op operation) string {
	switch op {
	case firstBackup:
		return "first"
	case unchangedBackup:
		return "unchanged"
	case unchangedReread:
		return "reread"
	case scatteredBackup:
		return "scattered"
	default:
		return "changed"
	}
}
