package archive_test

import (
	"errors"
	"testing"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

func TestReadingMakesNoDomain(t *testing.T) {
	t.Parallel()
	store := new(archive.Mem)
	v := archive.OpenVault(store, "vault", archive.Options{})
	ring := archivetest.NewKeyring()
	if _, err := v.OpenDomain(t.Context(), "key", ring); !errors.Is(err, archive.ErrNoDomain) {
		t.Errorf("a domain that is not there opens with %v", err)
	}
	for object, err := range store.List(t.Context(), "") {
		t.Errorf("reading made %s (%v)", object.Name, err)
	}
	if _, err := v.Domain(t.Context(), "key", ring); err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenDomain(t.Context(), "key", ring); err != nil {
		t.Errorf("a domain that is there does not open: %v", err)
	}
}

// The header of a sealing domain is lost, and a job comes before anybody repairs it: it gets no new data key, under which all
// that was there would be lost for good.
func TestALostDomainIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	store, ring := new(archive.Mem), archivetest.NewKeyring()
	v := archive.OpenVault(store, "vault", small)
	d := openDomain(t, v, ring)
	want := map[string][]byte{"a": []byte("content")}
	write(t, d, "first", "", want)
	header := "domains/" + d.Info().ID
	if err := store.Delete(t.Context(), header); err != nil {
		t.Fatal(err)
	}
	v = archive.OpenVault(store, "vault", small)
	if _, err := v.Domain(t.Context(), "key", ring); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a domain that has lost its header opens with %v", err)
	}
	if _, err := v.Domain(t.Context(), "other key", ring); err != nil {
		t.Errorf("a domain beside it: %v", err)
	}
	done, err := v.Repair(t.Context(), rings(ring), archive.RepairOptions{Domains: []archive.DomainInfo{d.Info()}})
	if err != nil || !done.Left.Clean() || len(done.Healed) != 1 {
		t.Errorf("repaired: %+v, %v", done, err)
	}
	check(t, openDomain(t, v, ring), "first", want)
}
