package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// remoteVault opens a vault in a store that counts requests.
func remoteVault(t *testing.T) (*archivetest.Remote, *archive.Domain, *archivetest.Keyring) {
	t.Helper()
	remote := &archivetest.Remote{Store: new(archive.Mem)}
	ring := archivetest.NewKeyring()
	return remote, openRemote(t, remote, "v", ring), ring
}

func openRemote(t *testing.T, remote archive.Remote, id string, ring archive.Keyring) *archive.Domain {
	t.Helper()
	v := archive.OpenVault(archive.Sub(archive.NewReadAhead(remote, 0), id), id, archive.Options{})
	d, err := v.Domain(t.Context(), "key", ring)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// remoteContent is what object i holds: small ones, of which some do not compress.
func remoteContent(i int) []byte {
	data := make([]byte, 2000+i%5000)
	rnd := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	_, _ = rnd.Read(data[:len(data)*(i%4)/4])
	return data
}

const remoteObjects = 8_000

func writeRemote(t *testing.T, d *archive.Domain, point, parent string, each int) {
	t.Helper()
	w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < remoteObjects; i += each {
		data := remoteContent(i + each - 1)
		if err := w.Put(t.Context(), fmt.Appendf(nil, "object %06d", i), nil, bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// restoreRemote reads all content, as restores do, and gives the bytes of it.
func restoreRemote(t *testing.T, d *archive.Domain, point string, each int) (sum int64) {
	t.Helper()
	p, err := d.Open(t.Context(), point)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for e, err := range p.Entries(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		want := remoteContent(i)
		if i%each == 0 {
			want = remoteContent(i + each - 1)
		}
		got, err := io.ReadAll(e.Open(t.Context()))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes, %v", e.Key, len(got), err)
		}
		sum += int64(len(got))
		i++
	}
	if i != remoteObjects {
		t.Fatalf("%d objects, want %d", i, remoteObjects)
	}
	return sum
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// Users pay for requests, and each takes a round trip.
func TestRequestsOfRemoteStores(t *testing.T) {
	t.Parallel()
	remote, d, ring := remoteVault(t)
	var took map[string]int
	within := func(what string, most int) {
		t.Helper()
		took = remote.Counts()
		if n := total(took); n > most {
			t.Errorf("%s took %d requests, want no more than %d: %v", what, n, most, took)
		} else {
			t.Logf("%s: %v", what, took)
		}
	}
	within("making a domain", 5)
	writeRemote(t, d, "first", "", 1)
	within("a backup of 8,000 objects", 25)
	writeRemote(t, d, "second", "first", 50)
	within("a backup of 160 of them", 30)

	again := openRemote(t, remote, "v", ring)
	within("opening", 2)
	restoreRemote(t, again, "first", 1)
	within("a restore", 40)
	restoreRemote(t, again, "second", 50)
	within("a restore of a point in several packs", 60)

	p, err := again.Open(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Entry(t.Context(), []byte("object 001777")); err != nil {
		t.Fatal(err)
	}
	within("finding one object", 8)

	elsewhere := openRemote(t, remote, "w", archivetest.NewKeyring())
	remote.Counts()
	if _, err := archive.Copy(t.Context(), elsewhere, p, archive.CopyOptions{Point: "copy"}); err != nil {
		t.Fatal(err)
	}
	within("a copy", 60)
	rings := func(context.Context, archive.DomainInfo) (archive.Keyring, error) { return ring, nil }
	report, err := again.Vault().Verify(t.Context(), rings, archive.VerifyOptions{})
	if err != nil || !report.Clean() {
		t.Fatalf("verifying: %v, %+v", err, report)
	}
	within("a verification", 40)
	for i := range 3 {
		if err := again.Vault().Delete(t.Context(), again.Info().ID, []string{"first", "second", "none"}[i]); err != nil && i < 2 {
			t.Fatal(err)
		}
	}
	remote.Counts()
	for range 2 {
		done, err := again.Vault().Collect(t.Context(), rings, archive.CollectOptions{Margin: -1})
		if err != nil || len(done.Skipped) > 0 {
			t.Fatalf("collecting: %v, %+v", err, done)
		}
	}
	within("two collections", 50)
}
