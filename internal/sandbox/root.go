package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// programs are the options that show the host's programs and libraries, merged below /usr or not.
func programs() []string {
	o := []string{"--ro-bind", "/usr", "/usr"}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		info, err := os.Lstat(name)
		if err != nil {
			continue
		}
		if target, err := os.Readlink(name); err == nil && info.Mode()&os.ModeSymlink != 0 {
			o = append(o, "--symlink", target, name)
			continue
		}
		o = append(o, "--ro-bind", name, name)
	}
	return o
}

// shown are the files of /etc that programs read and that name no secret.
var shown = []string{"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs", "localtime", "timezone", "nsswitch.conf", "alternatives", "locale.alias"}

// resolving are those that a program on the host's network reads besides.
var resolving = []string{"hosts", "resolv.conf", "services", "protocols", "gai.conf", "host.conf"}

// etc are the options that make /etc: it names two users, root and who the program is.
func (s Spec) etc(content func(string) (string, error)) ([]string, error) {
	uid, gid, name := os.Getuid(), os.Getgid(), "sandbox"
	if os.Geteuid() == 0 {
		uid, gid = s.User.UID, s.User.GID
	}
	if s.User != nil && s.User.Name != "" {
		name = s.User.Name
	}
	made := [][2]string{
		{"/etc/passwd", fmt.Sprintf("root:x:0:0:root:/:/usr/sbin/nologin\n%s:x:%d:%d::/tmp:/usr/sbin/nologin\n", name, uid, gid)},
		{"/etc/group", fmt.Sprintf("root:x:0:\n%s:x:%d:\n", name, gid)},
	}
	names := shown
	if s.Network == Host {
		names = append(names[:len(names):len(names)], resolving...)
	} else {
		made = append(made, [2]string{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"})
	}
	o := []string{"--perms", "0755", "--dir", "/etc"}
	for _, name := range names {
		o = append(o, parents("/etc/"+name)...)
		o = append(o, "--ro-bind-try", "/etc/"+name, "/etc/"+name)
	}
	for _, file := range made {
		fd, err := content(file[1])
		if err != nil {
			return nil, err
		}
		o = append(o, "--perms", "0444", "--ro-bind-data", fd, file[0])
	}
	return o, nil
}

// memory is a file without a name that has text.
func memory(text string) (*os.File, error) {
	fd, err := unix.MemfdCreate("sandbox", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("sandbox: making a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "sandbox")
	if _, err := f.WriteString(text); err != nil {
		return nil, fmt.Errorf("sandbox: writing a file in memory: %w", err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, fmt.Errorf("sandbox: writing a file in memory: %w", err)
	}
	return f, nil
}
