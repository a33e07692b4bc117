package main

import (
	"context"
	"path/filepath"
	"strings"
)

// kopia with the faster of its zstd levels, since without a policy it compresses nothing.
type kopia struct{}

func (kopia) name() string { return "kopia" }

func (kopia) describe(ctx context.Context) (string, error) {
	version, err := output(ctx, nil, "kopia", "--version")
	version, _, _ = strings.Cut(version, " build:")
	return "kopia " + version + ", --compression zstd-fastest, restore --write-sparse-files, no cache beyond its defaults", err
}

func (kopia) env(s site) []string {
	return []string{"KOPIA_PASSWORD=one", "KOPIA_CHECK_FOR_UPDATES=false", "KOPIA_CACHE_DIRECTORY=" + s.cache()}
}

// args are those of a call for one of the site's repositories, of which each has a configuration file of its own.
func (kopia) args(repository string, args ...string) []string {
	return append([]string{
		"kopia", "--config-file=" + repository + ".config", "--no-progress", "--disable-file-logging", "--disable-content-log",
	}, args...)
}

func (k kopia) prepare(ctx context.Context, s site) error {
	for _, repository := range []string{s.repository(), s.copy()} {
		for _, args := range [][]string{
			{"repository", "create", "filesystem", "--path=" + repository, "--cache-directory=" + filepath.Join(s.cache(), filepath.Base(repository))},
			{"policy", "set", "--global", "--compression=zstd-fastest", "--keep-latest=1", "--keep-hourly=0", "--keep-daily=0", "--keep-weekly=0", "--keep-monthly=0", "--keep-annual=0"},
		} {
			if _, err := output(ctx, k.env(s), k.args(repository, args...)...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k kopia) command(s site, op operation) *command {
	c := &command{dir: s.data.source(), store: s.repository(), env: k.env(s)}
	switch op {
	case firstBackup, unchangedBackup, changedBackup, scatteredBackup:
		c.args = k.args(s.repository(), "snapshot", "create", s.data.source())
	case unchangedReread:
		c.args = k.args(s.repository(), "snapshot", "create", "--force-hash=100", s.data.source())
	case firstCopy, nextCopy:
		c.store = s.copy()
		c.args = k.args(s.copy(), "snapshot", "migrate", "--all", "--latest-only", "--source-config="+s.repository()+".config")
	case restore:
		c.restored = s.restored()
		c.args = k.args(s.repository(), "snapshot", "restore", "--write-sparse-files", "--skip-owners", s.data.source(), s.restored())
	case verify:
		c.args = k.args(s.repository(), "snapshot", "verify", "--verify-files-percent=100")
	case removal:
		c.args = shell(
			k.args(s.repository(), "snapshot", "expire", "--all", "--delete"),
			k.args(s.repository(), "maintenance", "run", "--full", "--safety=none"),
		)
	default:
		return nil
	}
	return c
}

// shell runs commands one after the other, as one process to be measured.
func shell(commands ...[]string) []string {
	var lines []string
	for _, args := range commands {
		quoted := make([]string, len(args))
		for i, arg := range args {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		lines = append(lines, strings.Join(quoted, " "))
	}
	return []string{"/bin/sh", "-c", strings.Join(lines, " && ")}
}
