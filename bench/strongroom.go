package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
)

// strongroom is the archive, run by this program's own engine verb.
type strongroom struct{ program string }

func newStrongroom() (*strongroom, error) {
	program, err := os.Executable()
	return &strongroom{program}, err
}

func (*strongroom) name() string { return "strongroom" }

func (*strongroom) describe(context.Context) (string, error) {
	return "archive engine, default options, local AES-256 key in place of KMS; volume by its list of changed blocks", nil
}

func (*strongroom) prepare(_ context.Context, s site) error {
	for _, path := range []string{s.repository(), s.copy()} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
		if err := makeKey(path + ".key"); err != nil {
			return err
		}
	}
	return nil
}

func (t *strongroom) engine(verb, vault string, args ...string) []string {
	return append([]string{t.program, "engine", verb, "-vault", vault, "-key", vault + ".key"}, args...)
}

func (t *strongroom) command(s site, op operation) *command {
	c := &command{dir: s.root, store: s.repository()}
	first, changed := []string{"-point", tag(firstBackup)}, []string{"-point", tag(changedBackup)}
	switch op {
	case firstBackup:
		c.args = t.engine("backup", s.repository(), slices.Concat(first, s.data.engineFlags())...)
	case unchangedBackup:
		flags := []string{"-point", tag(op), "-parent", tag(firstBackup)}
		if _, ok := s.data.(*volume); ok {
			flags = append(flags, "-changed", os.DevNull)
		}
		c.args = t.engine("backup", s.repository(), slices.Concat(flags, s.data.engineFlags())...)
	case unchangedReread:
		flags := []string{"-point", tag(op), "-parent", tag(unchangedBackup), "-reread"}
		c.args = t.engine("backup", s.repository(), slices.Concat(flags, s.data.engineFlags())...)
	case scatteredBackup:
		data, ok := s.data.(scattering)
		if !ok {
			return nil
		}
		flags := []string{"-point", tag(op), "-parent", tag(changedBackup)}
		c.args = t.engine("backup", s.repository(), slices.Concat(flags, data.scatteredFlags())...)
	case changedBackup:
		changed = append(changed, "-parent", tag(unchangedBackup))
		c.args = t.engine("backup", s.repository(), slices.Concat(changed, s.data.changedFlags())...)
	case rereadBackup:
		if _, ok := s.data.(*volume); !ok {
			return nil
		}
		c.store = filepath.Join(s.root, "reread")
		c.prepare = func() error {
			if err := os.CopyFS(c.store, os.DirFS(s.repository())); err != nil {
				return err
			}
			key, err := os.ReadFile(s.repository() + ".key")
			if err != nil {
				return err
			}
			return os.WriteFile(c.store+".key", key, 0o600)
		}
		c.args = t.engine("backup", c.store, slices.Concat(changed, s.data.engineFlags())...)
	case firstCopy:
		c.store = s.copy()
		c.args = t.engine("copy", s.repository(), slices.Concat(first, t.destination(s))...)
	case nextCopy:
		c.store = s.copy()
		c.args = t.engine("copy", s.repository(), slices.Concat(changed, t.destination(s), []string{"-parent", tag(firstBackup)})...)
	case restore:
		c.restored = s.restored()
		c.args = t.engine("restore", s.repository(), "-point", tag(last(s.data)), "-to", s.restored())
	case verify:
		c.args = t.engine("verify", s.repository())
	case removal:
		c.args = t.engine("remove", s.repository(), "-keep", tag(last(s.data)))
	default:
		return nil
	}
	return c
}

func (t *strongroom) destination(s site) []string {
	return []string{"-to-vault", s.copy(), "-to-key", s.copy() + ".key"}
}
