package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"strongroom/internal/porttest"
	"strongroom/internal/server"
	"strongroom/internal/waittest"
)

// process is the program, serving a data directory.
type process struct {
	dir, listen string
	databases   porttest.Range
	config      string // a file, beside the data
	env         []string
	command     *exec.Cmd
	log         *os.File
}

// newProcess chooses a data directory, and ports of its own for the server and its databases: servers that run at once and are killed
// would take each other's.
func newProcess(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: dir, listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(porttest.One(t))), databases: porttest.New(t), config: filepath.Join(dir, "config.yaml"), log: log}
	p.configure(t, "")
	t.Cleanup(func() {
		p.kill()
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the server's log ends:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return p
}

// configure writes the server's configuration.
func (p *process) configure(t *testing.T, text string) {
	t.Helper()
	text = fmt.Sprintf("databases: {ports: %s}\n%s", p.databases, text)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts the server and waits until it answers.
func (p *process) start(ctx context.Context, t *testing.T) {
	t.Helper()
	p.command = exec.Command(binary(t), "server", "--dev", "--data", filepath.Join(p.dir, "data"), "--listen", p.listen, "--config", p.config)
	p.command.Env = append(os.Environ(), p.env...)
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience()); ; {
		if _, err := p.admin().Clock(ctx, server.ClockMove{}); err == nil {
			return
		} else if time.Now().After(deadline) {
			waittest.InVain()
			t.Fatalf("the server does not answer: %v", err)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// kill ends the server without a warning.
func (p *process) kill() {
	if p.command != nil && p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

func (p *process) admin() *server.Admin { return server.OpenAdmin(filepath.Join(p.dir, "data")) }

// aws is the configuration of an SDK client.
func (p *process) aws(t *testing.T, profile, region string) aws.Config {
	t.Helper()
	profiles := filepath.Join(p.dir, "data", "aws")
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithSharedConfigFiles([]string{profiles + "/config"}),
		config.WithSharedCredentialsFiles([]string{profiles + "/credentials"}),
		config.WithSharedConfigProfile(profile), config.WithRegion(region),
	)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// pause waits, or returns when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// patience is how long what is to come true may take. It costs nothing when all is well. A busy machine may let seconds pass anywhere,
// and a job that has met the same trouble three times is tried again after 81 seconds, or after 256 the next time.
func patience() time.Duration { return waittest.Patience(6 * time.Minute) }

// eventually asks until ok, for as long as patience lasts.
func eventually(ctx context.Context, t *testing.T, what string, ok func() (bool, error)) {
	t.Helper()
	var last error
	for deadline := time.Now().Add(patience()); time.Now().Before(deadline); pause(ctx, 20*time.Millisecond) {
		done, err := ok()
		if done {
			return
		}
		last = err
	}
	waittest.InVain()
	t.Fatalf("%s did not come true: %v", what, last)
}

func must[T any](v T, err error) func(*testing.T, string) T {
	return func(t *testing.T, what string) T {
		t.Helper()
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", what, err))
		}
		return v
	}
}
