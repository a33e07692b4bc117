package archive_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/clock"
)

// rings gives one key for all domains.
func rings(ring archive.Keyring) archive.Rings {
	return func(context.Context, archive.DomainInfo) (archive.Keyring, error) { return ring, nil }
}

func verifyClean(t *testing.T, v *archive.Vault, ring archive.Keyring) {
	t.Helper()
	report, err := v.Verify(t.Context(), rings(ring), archive.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Clean() {
		t.Fatalf("verification found %+v, %+v", report.Damage, report.Skipped)
	}
}

func TestVerifyNamesThePointsThatDamageTouches(t *testing.T) {
	t.Parallel()
	store := new(archive.Mem)
	ring := archivetest.NewKeyring()
	now := clock.NewShifted(0)
	opts := small
	opts.Clock = now
	v := archive.OpenVault(store, "vault", opts)
	d := openDomain(t, v, ring)
	write(t, d, "first", "", map[string][]byte{"a": random(1, 100<<10), "b": random(2, 100)})
	now.Advance(time.Second) // packs are looked at in the order of their names, which is that of their time
	write(t, d, "second", "first", map[string][]byte{"a": random(3, 100<<10)})
	write(t, d, "third", "second", map[string][]byte{"c": random(4, 100)})
	packs, err := archivetest.Names(t.Context(), store, "packs/")
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, name := range packs {
		data, err := archivetest.Read(t.Context(), store, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < 100<<10 {
			continue
		}
		bad := append([]byte(nil), data...)
		bad[500] ^= 1 // in the chunk of a
		if err := archivetest.Replace(t.Context(), store, name, bad); err != nil {
			t.Fatal(err)
		}
		report, err := archive.OpenVault(store, "vault", small).Verify(t.Context(), rings(ring), archive.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Damage) != 1 || !errors.Is(report.Damage[0].Err, archive.ErrDamaged) || report.Damage[0].Object != name {
			t.Fatalf("damage is %+v", report.Damage)
		}
		touched := strings.ReplaceAll(strings.Join(report.Damage[0].Points, " "), d.Info().ID+"/", "")
		if want := []string{"first", "second third"}[damaged]; touched != want {
			t.Errorf("damage touches %q, want %q", touched, want)
		}
		damaged++
		if err := archivetest.Replace(t.Context(), store, name, data); err != nil {
			t.Fatal(err)
		}
	}
	if damaged != 2 {
		t.Errorf("%d packs hold a's chunks, want 2", damaged)
	}
	report, err := archive.OpenVault(store, "vault", small).Verify(t.Context(), rings(ring), archive.VerifyOptions{})
	if err != nil || !report.Clean() || report.Points != 3 {
		t.Errorf("repaired: %+v, %v", report, err)
	}
}

// Every byte that is stored matters: whichever is changed, cut off or missing, verification tells.
func TestVerifyFindsEveryDamage(t *testing.T) {
	t.Parallel()
	store := new(archive.Mem)
	ring := archivetest.NewKeyring()
	d := openDomain(t, archive.OpenVault(store, "vault", small), ring)
	write(t, d, "point", "", map[string][]byte{"a": text(1, 2000), "b": random(2, 100)})
	names, err := archivetest.Names(t.Context(), store, "")
	if err != nil {
		t.Fatal(err)
	}
	verify := func() string {
		report, err := archive.OpenVault(store, "vault", small).Verify(t.Context(), rings(ring), archive.VerifyOptions{})
		switch {
		case err != nil:
			return "error"
		case len(report.Skipped) > 0:
			return "skipped"
		case len(report.Damage) > 0:
			return "damage"
		}
		return "clean"
	}
	if diff := cmp.Diff("clean", verify()); diff != "" {
		t.Fatal(diff)
	}
	for _, name := range names {
		data, err := archivetest.Read(t.Context(), store, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "domains/") {
			continue // plain JSON, part of which is for people only
		}
		for i := 0; i < len(data); i++ {
			bad := append([]byte(nil), data...)
			bad[i] ^= 0x20
			if err := archivetest.Replace(t.Context(), store, name, bad); err != nil {
				t.Fatal(err)
			}
			if verify() == "clean" {
				t.Errorf("byte %d of %s may change", i, name)
			}
		}
		for _, n := range []int{0, 1, len(data) / 2, len(data) - 1} {
			if err := archivetest.Replace(t.Context(), store, name, data[:n]); err != nil {
				t.Fatal(err)
			}
			if verify() == "clean" {
				t.Errorf("%s may end after %d bytes", name, n)
			}
		}
		if err := archivetest.Replace(t.Context(), store, name, append(data[:len(data):len(data)], 0)); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "packs/") && verify() == "clean" {
			t.Errorf("%s may go on after its end", name)
		}
		if err := archivetest.Replace(t.Context(), store, name, data); err != nil {
			t.Fatal(err)
		}
	}
}

// Packs are longer than what verification reads of them at once.
func TestVerifyReadsLongPacks(t *testing.T) {
	t.Parallel()
	store := new(archive.Mem)
	ring := archivetest.NewKeyring()
	long := archive.Options{PackSize: 12 << 20, Workers: 2}
	d := openDomain(t, archive.OpenVault(store, "vault", long), ring)
	objects := map[string][]byte{"small": random(100, 100)}
	for i := range 24 {
		objects[string(rune('a'+i))] = random(uint64(i), 500<<10)
	}
	write(t, d, "point", "", objects)
	var stored uint64
	var longest archive.ObjectInfo
	for object, err := range store.List(t.Context(), "packs/") {
		if err != nil {
			t.Fatal(err)
		}
		stored += uint64(object.Size)
		if object.Size > longest.Size {
			longest = object
		}
	}
	data, err := archivetest.Read(t.Context(), store, longest.Name)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]int{-1: 0, 100: 1, len(data) / 2: 1, len(data) - 400<<10: 1} {
		bad := append([]byte(nil), data...)
		if at >= 0 {
			bad[at] ^= 1
		}
		if err := archivetest.Replace(t.Context(), store, longest.Name, bad); err != nil {
			t.Fatal(err)
		}
		var told atomic.Uint64
		report, err := archive.OpenVault(store, "vault", long).Verify(t.Context(), rings(ring), archive.VerifyOptions{
			Progress: func(bytes uint64) { told.Add(bytes) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Damage) != want || report.Bytes != stored || told.Load() != stored || len(report.Skipped) > 0 {
			t.Errorf("byte %d changed: %d damages, want %d, and %d bytes read, %d told, of %d: %+v",
				at, len(report.Damage), want, report.Bytes, told.Load(), stored, report.Damage)
		}
	}
}
