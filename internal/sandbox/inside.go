package sandbox

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The files that the inside begins with. It is run by its descriptor: so nothing of the host needs to be shown for it, and it is
// this program, whatever has been put into its place since it was started.
const (
	insideSelf    = "/proc/self/fd/3"
	insideEnv     = 4
	insideSockets = 5 // where it hands out listeners, or is asked for connections

	insideWord = "sandbox-inside" // its first argument
)

// usualEnv is all of the environment that the programs have that make a sandbox. Some of it runs as root outside, and some with
// privileges inside: a variable that the dynamic linker or they themselves know must not reach any of them.
var usualEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// env is the program's environment: of two variables of a name, the later.
func (s Spec) env() (all []string) {
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	for _, v := range slices.Concat(usualEnv, []string{"PWD=" + dir}, s.Env) {
		name, _, _ := strings.Cut(v, "=")
		all = slices.DeleteFunc(all, func(other string) bool { return strings.HasPrefix(other, name+"=") })
		all = append(all, v)
	}
	return all
}

// inside is the command that becomes the program, and the files that it is to inherit, from descriptor 3 on.
func (s Spec) inside(addresses []string, sockets *os.File) (command []string, files []*os.File, err error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: opening this program: %w", err)
	}
	env, err := memory(strings.Join(s.env(), "\x00"))
	if err != nil {
		return nil, nil, err
	}
	files = []*os.File{self, env}
	if sockets != nil {
		files = append(files, sockets)
	}
	return append([]string{insideSelf, insideWord, strings.Join(addresses, ","), s.Program}, s.Args...), files, nil
}

// Inside the sandbox this program begins here: whatever program it is, a server or a test of one, its main is not what is
// wanted. It runs once, single-handed, without privileges and with [usualEnv]; and it leaves nothing of itself to the program
// that it becomes, or starts where it is dialled into; to that alone it gives the program's environment.
func init() { //nolint:gochecknoinits // every program that can start a sandbox must be able to be its inside
	if len(os.Args) < 4 || os.Args[0] != insideSelf || os.Args[1] != insideWord {
		return
	}
	env, err := io.ReadAll(os.NewFile(insideEnv, "environment"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "reading the environment: %v\n", err)
		os.Exit(1)
	}
	if os.Args[2] != "" && os.Args[2] != insideDials {
		if err := listenInside(strings.Split(os.Args[2], ",")); err != nil {
			_, _ = unix.SendmsgN(insideSockets, []byte(err.Error()), nil, nil, 0)
			os.Exit(1)
		}
	}
	// Nothing that was open here is open in the program, but its standard streams.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fmt.Fprintf(os.Stderr, "closing files: %v\n", err)
		os.Exit(1)
	}
	program := os.Args[3]
	if os.Args[2] == insideDials {
		stay(os.Args[3:], strings.Split(string(env), "\x00"))
	}
	err = syscall.Exec(program, os.Args[3:], strings.Split(string(env), "\x00")) //nolint:gosec // the caller's program is the point
	fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
	os.Exit(127)
}
