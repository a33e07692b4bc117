// Package functiontest gives tests a function that does what it is asked, also what functions must not be able to do.
package functiontest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// build builds the function once for all tests of the process.
var build = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "function")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	program := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags=lambda.norpc", "-o", program, "strongroom/internal/service/lambda/functiontest/testdata/function") //nolint:noctx // it ends by itself
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the function: %w\n%s", err, out)
	}
	return os.ReadFile(program)
})

// Bootstrap is the function's program, see testdata/function.
func Bootstrap(t testing.TB) []byte {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Dir is a directory of the function's code, which any user may read.
func Dir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "code")
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // the function's user reads it
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), Bootstrap(t), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return dir
}

// Zip is the function's deployment package.
func Zip(t testing.TB) []byte {
	t.Helper()
	return Pack(t, map[string][]byte{"bootstrap": Bootstrap(t)})
}

// Pack makes a deployment package of programs.
func Pack(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		h.SetMode(0o755)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
