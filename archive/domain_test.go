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
