package lambda

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
)

// Limits of packages.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxZipped   = 50 << 20  // in a request
	maxUnzipped = 262144000 // also of a package in S3, zipped or not
	maxEntries  = 100000    // files and directories
)

// codeStore keeps packages under their digest, beside what they hold, unpacked. Both are written under another name and then
// renamed, so that what has its name is whole.
type codeStore struct {
	dir string
}

func openCode(dir string) (*codeStore, error) {
	for _, sub := range []string{"code", "unpacked"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("making the store of functions' code: %w", err)
		}
	}
	return &codeStore{dir}, nil
}

// clean removes what an earlier process unpacked, or did not finish.
func (c *codeStore) clean() error {
	if err := os.RemoveAll(filepath.Join(c.dir, "unpacked")); err != nil {
		return fmt.Errorf("cleaning the store of functions' code: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(c.dir, "code", ".new-*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return errors.Join(err, os.MkdirAll(filepath.Join(c.dir, "unpacked"), 0o700))
}

func (c *codeStore) zip(digest string) string { return filepath.Join(c.dir, "code", digest+".zip") }

// put keeps a package that can be unpacked, and returns its digest and size.
func (c *codeStore) put(content io.Reader, limit int64) (digest string, size int64, err error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, "code"), ".new-*")
	if err != nil {
		return "", 0, fmt.Errorf("keeping a function's code: %w", err)
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	sum := sha256.New()
	if size, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(content, limit+1)); err != nil {
		return "", 0, fmt.Errorf("keeping a function's code: %w", err)
	}
	if size > limit {
		return "", 0, failure(413, "RequestTooLargeException", "The package has more than %d bytes.", limit)
	}
	digest = hex.EncodeToString(sum.Sum(nil))
	if _, err = c.unpack(f.Name(), digest); err != nil { // what cannot be unpacked is not kept
		return "", 0, err
	}
	if err = errors.Join(f.Sync(), os.Rename(f.Name(), c.zip(digest)), syncDir(filepath.Join(c.dir, "code"))); err != nil {
		return "", 0, fmt.Errorf("keeping a function's code: %w", err)
	}
	return digest, size, nil
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// unpacked is the directory with what a package holds.
func (c *codeStore) unpacked(digest string) (string, error) { return c.unpack(c.zip(digest), digest) }

// unpack makes the directory with what a package holds, if there is none.
func (c *codeStore) unpack(archive, digest string) (string, error) {
	dir := filepath.Join(c.dir, "unpacked", digest)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fresh, err := os.MkdirTemp(filepath.Join(c.dir, "unpacked"), ".new-*")
	if err != nil {
		return "", fmt.Errorf("unpacking a function's code: %w", err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // it has another name by then, or is swept later
	if err := unzip(archive, fresh); err != nil {
		return "", err
	}
	if err := os.Chmod(fresh, 0o755); err != nil { //nolint:gosec // its parent is closed; the function's user reads it
		return "", fmt.Errorf("unpacking a function's code: %w", err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return dir, nil // another did at the same time
		}
		return "", fmt.Errorf("unpacking a function's code: %w", err)
	}
	return dir, nil
}

// remove removes a package.
func (c *codeStore) remove(digest string) error {
	return errors.Join(os.RemoveAll(filepath.Join(c.dir, "unpacked", digest)), os.Remove(c.zip(digest)))
}

func unreadable(err error) error {
	e := invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	e.Err = err
	return e
}

// unzip unpacks a package into a directory. The directory is opened as a root that nothing leads out of, whatever names and
// links the package has.
func unzip(name, into string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("unpacking a function's code: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	archive, err := openZip(file)
	if err != nil {
		return unreadable(err)
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return fmt.Errorf("unpacking a function's code: %w", err)
	}
	defer root.Close() //nolint:errcheck // a directory
	if n := len(archive.File) + directories(archive); n > maxEntries {
		return unreadable(fmt.Errorf("it has %d files and directories", n))
	}
	left := int64(maxUnzipped)
	for _, f := range archive.File {
		n, err := unpackEntry(root, f, left)
		if errors.Is(err, errTooLarge) {
			return invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
		}
		if pathErr, ours := errors.AsType[*fs.PathError](err); ours && isFull(pathErr) {
			return fmt.Errorf("unpacking a function's code: %w", err)
		}
		if err != nil {
			return unreadable(fmt.Errorf("%q: %w", f.Name, err))
		}
		left -= n
	}
	return nil
}

var errTooLarge = errors.New("it is too large")

// unpackEntry unpacks one entry, and returns its size.
func unpackEntry(root *os.Root, f *zip.File, left int64) (n int64, err error) {
	name := strings.TrimSuffix(f.Name, "/")
	if !fs.ValidPath(name) || len(name) > maxName {
		return 0, errors.New("it has a name that leads elsewhere")
	}
	if name == "." {
		return 0, nil
	}
	mode := f.Mode()
	if mode.IsDir() {
		return 0, root.MkdirAll(name, 0o755)
	}
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return 0, err
		}
	}
	in, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close() //nolint:errcheck // it was only read
	if mode&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(in, 4096))
		if err != nil {
			return 0, err
		}
		return int64(len(target)), root.Symlink(string(target), name)
	}
	if !mode.IsRegular() {
		return 0, fmt.Errorf("it is of the kind %s", mode)
	}
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(out, io.LimitReader(in, left+1))
	if n > left {
		err = errTooLarge
	}
	return n, errors.Join(err, out.Close())
}

// store keeps the package of a request, from the request itself or from S3, where the caller must be able to read it.
func (s *Service) store(ctx context.Context, c *api.Caller, code *types.FunctionCode) (digest string, size int64, err error) {
	switch {
	case code.ImageUri != nil:
		return "", 0, api.NotImplemented("lambda: functions that are container images")
	case code.SourceKMSKeyArn != nil:
		return "", 0, api.NotImplemented("lambda: packages under a KMS key")
	case len(code.ZipFile) > 0 && (code.S3Bucket != nil || code.S3Key != nil):
		return "", 0, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case len(code.ZipFile) > 0:
		return s.code.put(strings.NewReader(string(code.ZipFile)), maxZipped)
	case code.S3Bucket == nil || code.S3Key == nil:
		return "", 0, invalid("Please provide a source for function code.")
	}
	out, err := api.Call[s3.GetObjectOutput](ctx, s.Door, c.Through(Principal, c.Region), &s3.GetObjectInput{Bucket: code.S3Bucket, Key: code.S3Key, VersionId: code.S3ObjectVersion})
	if e := api.Refused(err); e != nil {
		if e.Code == "AccessDenied" {
			return "", 0, failure(403, "AccessDeniedException", "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for %s/%s. S3 Error Code: %s. S3 Error Message: %s",
				*code.S3Bucket, *code.S3Key, e.Code, e.Message)
		}
		return "", 0, invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", e.Code, e.Message)
	}
	if err != nil {
		return "", 0, err
	}
	defer out.Body.Close() //nolint:errcheck // it was only read
	if aws.ToInt64(out.ContentLength) > maxUnzipped {
		return "", 0, invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	return s.code.put(out.Body, maxUnzipped)
}

// forget removes the packages from before a time that are not known and not in use.
func (c *codeStore) forget(known []string, before time.Time, used func(digest string) bool) error {
	all, err := os.ReadDir(filepath.Join(c.dir, "code"))
	if err != nil {
		return err
	}
	for _, entry := range all {
		digest, ok := strings.CutSuffix(entry.Name(), ".zip")
		info, gone := entry.Info()
		if !ok || gone != nil || info.ModTime().After(before) || slices.Contains(known, digest) || used(digest) {
			continue
		}
		err = errors.Join(err, c.remove(digest))
	}
	return err
}
