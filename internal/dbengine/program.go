package dbengine

import (
	"os"
	"os/exec"
	"path/filepath"
)

// places are where servers' programs lie that the PATH of an ordinary user need not name.
var places = []string{"/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec"}

// FindProgram returns the path of the first of some programs that this host has: in the PATH, or where servers usually lie.
// Where it has none, the error names the first of them, and the Debian package it is in.
func FindProgram(debianPackage string, names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		for _, dir := range places {
			if path := filepath.Join(dir, name); executable(path) {
				return path, nil
			}
		}
	}
	return "", &NotInstalledError{Program: names[0], Package: debianPackage}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
