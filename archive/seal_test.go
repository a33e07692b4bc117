package archive_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

func TestADisabledKeyOpensNothing(t *testing.T) {
	t.Parallel()
	v := archive.OpenVault(new(archive.Mem), "vault", small)
	ring, other := archivetest.NewKeyring(), archivetest.NewKeyring()
	objects := map[string][]byte{"a": text(1, 1000)}
	write(t, openDomain(t, v, ring), "p", "", objects)
	d, err := v.Domain(t.Context(), "other", other)
	if err != nil {
		t.Fatal(err)
	}
	write(t, d, "q", "", objects)
	ring.Disable(true)
	if _, err := v.Domain(t.Context(), "key", ring); !errors.Is(err, archivetest.ErrDisabled) {
		t.Errorf("opening under a disabled key: %v, want the key service's own error", err)
	}
	if _, err := v.Domain(t.Context(), "third", ring); !errors.Is(err, archivetest.ErrDisabled) {
		t.Errorf("making a domain under a disabled key: %v, want the key service's own error", err)
	}
	// What lies there can still be listed, and what another key sealed can be read.
	points, err := v.Points(t.Context())
	if err != nil || len(points) != 2 {
		t.Errorf("the points are %v, %v, want two", points, err)
	}
	if d, err = v.Domain(t.Context(), "other", other); err != nil {
		t.Fatal(err)
	}
	check(t, d, "q", objects)
	report, err := v.Verify(t.Context(), func(_ context.Context, info archive.DomainInfo) (archive.Keyring, error) {
		return map[string]archive.Keyring{"key": ring, "other": other}[info.KeyID], nil
	}, archive.VerifyOptions{})
	if err != nil || len(report.Skipped) != 1 || !errors.Is(report.Skipped[0].Err, archivetest.ErrDisabled) || report.Points != 1 {
		t.Errorf("verification: %+v, %v, want one domain skipped", report, err)
	}
	ring.Disable(false)
	check(t, openDomain(t, v, ring), "p", objects)
}

func TestAVaultUnderAnotherNameOpensNothing(t *testing.T) {
	t.Parallel()
	store, ring := new(archive.Mem), archivetest.NewKeyring()
	write(t, openDomain(t, archive.OpenVault(store, "vault", small), ring), "p", "", map[string][]byte{"a": {1}})
	if d, err := archive.OpenVault(store, "fault", small).Domain(t.Context(), "key", ring); err == nil {
		if _, err := d.Open(t.Context(), "p"); err == nil {
			t.Error("a vault opens under another name")
		}
	}
}

// Whoever has the store but no key moves sealed pieces to where other pieces were. Nothing of it is accepted.
func TestPiecesCannotBeSwapped(t *testing.T) {
	t.Parallel()
	store, ring := new(archive.Mem), archivetest.NewKeyring()
	v := archive.OpenVault(store, "vault", small)
	d := openDomain(t, v, ring)
	write(t, d, "first", "", map[string][]byte{"a": random(1, 5000)})
	write(t, d, "other", "", map[string][]byte{"a": random(2, 5000)})
	second, err := v.Domain(t.Context(), "second key", ring)
	if err != nil {
		t.Fatal(err)
	}
	write(t, second, "first", "", map[string][]byte{"a": random(3, 5000)})
	for _, prefix := range []string{"packs/", "index/", "points/", "domains/"} {
		names, err := archivetest.Names(t.Context(), store, prefix)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range names {
			for _, from := range names {
				if from == to {
					continue
				}
				before, err := archivetest.Read(t.Context(), store, to)
				if err != nil {
					t.Fatal(err)
				}
				data, err := archivetest.Read(t.Context(), store, from)
				if err != nil {
					t.Fatal(err)
				}
				forged := bytes.Clone(data)
				for variant := range 2 {
					if variant == 1 && prefix != "domains/" {
						copy(forged[:40], before[:40]) // with the header that belongs there
					}
					if err := archivetest.Replace(t.Context(), store, to, forged); err != nil {
						t.Fatal(err)
					}
					report, err := archive.OpenVault(store, "vault", small).Verify(t.Context(), rings(ring), archive.VerifyOptions{})
					if err == nil && report.Clean() {
						t.Errorf("%s passes for %s", from, to)
					}
				}
				if err := archivetest.Replace(t.Context(), store, to, before); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	verifyClean(t, archive.OpenVault(store, "vault", small), ring)
}

// Nothing of the content, its keys or its metadata lies open, and equality does not show.
func TestNothingLiesOpen(t *testing.T) {
	t.Parallel()
	store, ring := new(archive.Mem), archivetest.NewKeyring()
	v := archive.OpenVault(store, "vault", small)
	secret := "a sentence nobody should read"
	for _, key := range []string{"key", "other"} {
		d, err := v.Domain(t.Context(), key, ring)
		if err != nil {
			t.Fatal(err)
		}
		w, err := d.NewWriter(t.Context(), archive.WriteOptions{Point: "p-" + key, Kind: archive.Objects, Metadata: []byte("metadata: " + secret)})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Put(t.Context(), []byte("key: "+secret), []byte("about: "+secret), strings.NewReader(secret), -1); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for object, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data, err := archivetest.Read(t.Context(), store, object.Name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("nobody")) || strings.Contains(object.Name, "nobody") {
			t.Errorf("%s shows what should be sealed", object.Name)
		}
	}
}
