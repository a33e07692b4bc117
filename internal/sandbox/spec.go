package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Network is what a sandbox reaches.
type Network int

// The networks.
const (
	None Network = iota // a loopback interface that is the sandbox's own
	Host                // the host's network
)

// User is who a program becomes when this process is root.
type User struct {
	UID, GID int
	Name     string // in the sandbox's /etc/passwd; "sandbox" if empty
}

// Bind shows a file or directory of the host inside.
type Bind struct {
	Host, Inside string // absolute; Inside equals Host if it is empty
	Write        bool
}

// Limits are the kernel's limits on each process, and on the user's number of processes. 0 leaves one as it is.
type Limits struct {
	Processes int   // and threads, of the user in this sandbox
	OpenFiles int   // of a process
	Data      int64 // bytes of private writable memory of a process
	FileSize  int64 // bytes of a file
}

// Spec is a program and what it may see.
type Spec struct {
	Program string   // a path inside
	Args    []string // without the program's name
	Env     []string // all of its environment: "NAME=value"
	Dir     string   // working directory inside; / if empty
	User    *User    // required when this process is root, ignored otherwise
	Binds   []Bind
	Network Network
	// Temporary is the size of /tmp in bytes; half of the host's memory if 0. Its files are memory.
	Temporary int64
	// SharedMemory gives a /dev/shm that the program may write.
	SharedMemory bool
	Limits       Limits
}

// NotInstalledError says that bubblewrap, or a program that it is used with, is missing.
type NotInstalledError struct {
	Program string // "bwrap"
	Package string // the Debian package that has it
}

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("the program %s is not installed: install the Debian package %s", e.Program, e.Package)
}

// Installed returns a [*NotInstalledError] if a sandbox could not be made for want of a program.
func Installed() error {
	for _, p := range [][2]string{{"bwrap", "bubblewrap"}, {"setpriv", "util-linux"}, {"prlimit", "util-linux"}} {
		if _, err := exec.LookPath(p[0]); err != nil {
			return &NotInstalledError{Program: p[0], Package: p[1]}
		}
	}
	return nil
}

// Command is the command that runs the program inside. Its Env and ExtraFiles are set and stay as they are; it can be started
// once. Killing it kills all that runs in the sandbox, and so does the end of this process.
func (s Spec) Command(ctx context.Context) (*exec.Cmd, error) {
	return s.command(ctx, nil, nil)
}

// command makes the command, which listens at the addresses and hands the listeners to sockets.
func (s Spec) command(ctx context.Context, addresses []string, sockets *os.File) (*exec.Cmd, error) {
	if err := Installed(); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	closeInherited()
	inside, files, err := s.inside(addresses, sockets)
	if err != nil {
		return nil, err
	}
	content := func(text string) (string, error) { // a descriptor of bubblewrap's to read text from
		f, err := memory(text)
		if err != nil {
			return "", err
		}
		files = append(files, f)
		return strconv.Itoa(2 + len(files)), nil
	}
	options, err := s.options(content)
	if err != nil {
		return nil, err
	}
	// The options go through a file, as /proc inside would show the host's paths among the arguments.
	fd, err := content(strings.Join(options, "\x00") + "\x00")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "bwrap", slices.Concat([]string{"--args", fd}, s.limits(), s.privileges(), inside)...) //nolint:gosec // the caller's program is the point
	cmd.Env = usualEnv
	cmd.ExtraFiles = files
	// Bubblewrap makes a session of its own for the program; a group of its own keeps it from signals to the server's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}

func (s Spec) check() error {
	if os.Geteuid() == 0 && (s.User == nil || s.User.UID <= 0 || s.User.GID <= 0) {
		return errors.New("sandbox: a process that is root must name an ordinary user for the program")
	}
	for _, b := range s.Binds {
		if !filepath.IsAbs(b.Host) || b.Inside != "" && !filepath.IsAbs(b.Inside) {
			return fmt.Errorf("sandbox: the bind of %q at %q is not absolute", b.Host, b.Inside)
		}
	}
	for _, word := range slices.Concat(s.Env, s.Args, []string{s.Program, s.Dir}) {
		if strings.ContainsRune(word, 0) {
			return errors.New("sandbox: a word has a zero byte")
		}
	}
	return nil
}

// options are bubblewrap's.
func (s Spec) options(content func(string) (string, error)) ([]string, error) {
	o := []string{"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "localhost", "--cap-drop", "ALL"}
	if os.Geteuid() == 0 {
		o = append(o, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID") // setpriv's, which leaves them behind
	} else {
		o = append(o, "--unshare-user", "--disable-userns")
	}
	if s.Network == None {
		o = append(o, "--unshare-net")
	}
	o = append(o, programs()...)
	etc, err := s.etc(content)
	if err != nil {
		return nil, err
	}
	o = append(o, etc...)
	o = append(o, "--proc", "/proc", "--dev", "/dev")
	if s.SharedMemory {
		o = append(o, "--perms", "1777", "--tmpfs", "/dev/shm")
	}
	o = append(o, "--perms", "1777")
	if s.Temporary > 0 {
		o = append(o, "--size", strconv.FormatInt(s.Temporary, 10))
	}
	o = append(o, "--tmpfs", "/tmp")
	for _, b := range s.Binds {
		inside, how := b.Inside, "--ro-bind"
		if inside == "" {
			inside = b.Host
		}
		if b.Write {
			how = "--bind"
		}
		o = append(o, parents(inside)...)
		o = append(o, how, b.Host, inside)
	}
	// Whatever bubblewrap made to hang binds on is nobody's to write.
	o = append(o, "--remount-ro", "/dev", "--remount-ro", "/")
	if s.Dir != "" {
		return append(o, "--chdir", s.Dir), nil
	}
	return append(o, "--chdir", "/"), nil
}

// closeInherited keeps the programs from files that this process was itself started with, which its parent left open. Those that
// Go opens are closed by themselves.
var closeInherited = sync.OnceFunc(func() {
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) // Linux 5.11
})

// parents are the options that make the directories above a bind, open to all, whatever is bound.
func parents(inside string) (o []string) {
	for dir := filepath.Dir(inside); dir != "/"; dir = filepath.Dir(dir) {
		o = append([]string{"--perms", "0755", "--dir", dir}, o...)
	}
	return o
}

// limits is the command that sets the limits, or nothing.
func (s Spec) limits() []string {
	set := []string{"prlimit", "--core=0:0"}
	for _, l := range []struct {
		name  string
		value int64
	}{{"nproc", int64(s.Limits.Processes)}, {"nofile", int64(s.Limits.OpenFiles)}, {"data", s.Limits.Data}, {"fsize", s.Limits.FileSize}} {
		if l.value > 0 {
			set = append(set, fmt.Sprintf("--%s=%d:%d", l.name, l.value, l.value))
		}
	}
	return append(set, "--")
}

// privileges is the command that gives them up.
func (s Spec) privileges() []string {
	if os.Geteuid() != 0 {
		return nil // bubblewrap does, as for any ordinary user
	}
	return []string{"setpriv", "--reuid", strconv.Itoa(s.User.UID), "--regid", strconv.Itoa(s.User.GID), "--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"}
}
