package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/strongroomtest"
)

// TestFileSystemOverNBD puts an ext4 file system onto a volume with qemu's client, backs it up, changes it, backs it up
// again, and reads both file systems from the volumes that are restored.
func TestFileSystemOverNBD(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	made := must(p.ec2.CreateVolume(t.Context(), &ec2.CreateVolumeInput{
		AvailabilityZone: aws.String(home + "a"), Size: aws.Int32(1), VolumeType: ec2types.VolumeTypeGp3, Encrypted: aws.Bool(true), KmsKeyId: &key,
	}))(t, "creating a volume")
	id := *made.VolumeId
	p.volumeDone(t, id)

	dir := t.TempDir()
	files := map[string][]byte{"big": noise(31, 5<<20), "small": []byte("hello"), "empty": {}}
	from := filepath.Join(dir, "files")
	if err := os.Mkdir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(from, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(dir, "image")
	tool(t, "mke2fs", "-q", "-t", "ext4", "-d", from, image, "1G")
	store := func() string {
		t.Helper()
		served(t, s, id, func(uri string) { tool(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, uri) })
		return p.backUp(t, "local-vault", p.volumeARN(id))
	}
	first := store()
	files["later"] = noise(32, 1<<20)
	later := filepath.Join(dir, "later")
	if err := os.WriteFile(later, files["later"], 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "debugfs", "-w", "-R", "write "+later+" later", image)
	tool(t, "debugfs", "-w", "-R", "rm small", image)
	second := store()

	for point, want := range map[string][]string{first: {"big", "small", "empty"}, second: {"big", "empty", "later"}} {
		out := p.restoreJob(t, point, p.metadata(point, ""))
		restored := (*out.CreatedResourceArn)[strings.LastIndex(*out.CreatedResourceArn, "/")+1:]
		copied := filepath.Join(t.TempDir(), "copied")
		served(t, s, restored, func(uri string) { tool(t, "qemu-img", "convert", "-f", "raw", "-O", "raw", uri, copied) })
		tool(t, "e2fsck", "-f", "-n", copied)
		to := t.TempDir()
		tool(t, "debugfs", "-R", "rdump / "+to, copied)
		var got []string
		for _, entry := range must(os.ReadDir(to))(t, "listing the files") {
			if entry.IsDir() { // lost+found
				continue
			}
			got = append(got, entry.Name())
			if data := must(os.ReadFile(filepath.Join(to, entry.Name())))(t, "reading a file"); !bytes.Equal(data, files[entry.Name()]) {
				t.Errorf("%s has other bytes in the file system of %s", entry.Name(), point)
			}
		}
		if len(got) != len(want) {
			t.Errorf("the file system of %s has the files %v, want %v", point, got, want)
		}
	}
}

// served runs the program to serve a volume while fn uses it, by the URI that qemu knows it under.
func served(t *testing.T, s *strongroomtest.Server, volume string, fn func(uri string)) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "nbd")
	command := exec.Command(binary(t), "nbd", volume, "--data", s.Dir, "--socket", socket)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stopping strongroom nbd: %v", err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("strongroom nbd ended with %v: %s", err, &said)
		}
	}()
	eventually(t.Context(), t, "the socket", func() (bool, error) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			err = conn.Close()
		}
		return err == nil, err
	})
	fn("nbd+unix:///" + volume + "?socket=" + socket)
}

// tool runs a program that scripts/tools.sh installs.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
