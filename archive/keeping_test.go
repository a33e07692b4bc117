package archive_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// undoing collects the manifests that are deleted, in the trash or not.
type undoing struct {
	*world
	points []string
}

func newUndoing() *undoing {
	u := &undoing{world: newWorld(new(archive.Mem))}
	u.store = &hooked{Store: u.store, deleting: func(name string) {
		if strings.HasPrefix(name, "points/") {
			u.points = append(u.points, name)
		}
	}}
	u.reopen()
	return u
}

// Legal holds and locks are the service's: it asks for no deletion of what they keep. So nothing else in this package may delete a
// recovery point: no backup, copy, verification, collection, or making of an index, however old or damaged all is.
func TestOnlyDeletionsDeletePoints(t *testing.T) {
	t.Parallel()
	s := newScene()
	u := newUndoing()
	u.ctx, u.pack = t.Context(), 8<<10
	u.reopen()
	deleted := map[string]int{"delete": 1, "delete all": 4}
	for _, step := range s.steps() {
		u.points = nil
		if err := step.do(u.world); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if len(u.points) != deleted[step.name] {
			t.Errorf("%s deleted the manifests %q, want %d", step.name, u.points, deleted[step.name])
		}
		u.clock.Advance(10 * 365 * 24 * time.Hour)
	}
}

// A recovery point that is damaged beyond repair stays: who holds it decides.
func TestDamagedPointsStay(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, *undoing){
		"packs gone": func(t *testing.T, u *undoing) { u.each(t, "packs/", u.store.Delete) },
		"index gone": func(t *testing.T, u *undoing) { u.each(t, "index/", u.store.Delete) },
		"all of it gone": func(t *testing.T, u *undoing) {
			u.each(t, "packs/", u.store.Delete)
			u.each(t, "index/", u.store.Delete)
		},
		"packs damaged":     func(t *testing.T, u *undoing) { u.each(t, "packs/", u.garble) },
		"manifest damaged":  func(t *testing.T, u *undoing) { u.each(t, "points/", u.garble); u.points = nil },
		"every one damaged": func(t *testing.T, u *undoing) { u.each(t, "", u.garble); u.points = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUndoing()
			d := openDomain(t, u.vault, u.ring)
			second := u.begin(t, "point", "", random(2, 9<<10))
			write(t, d, "point", "", map[string][]byte{"a": random(1, 9<<10)})
			damage(t, u)
			u.reopen()
			if _, err := second.Commit(t.Context()); err == nil {
				t.Error("another run of the job says that all is well")
			}
			for range 4 {
				u.clock.Advance(365 * 24 * time.Hour)
				// What these say is for others to test.
				_, collecting := u.vault.Collect(t.Context(), rings(u.ring), archive.CollectOptions{Margin: time.Hour})
				_, verifying := u.vault.Verify(t.Context(), rings(u.ring), archive.VerifyOptions{})
				_, repairing := u.vault.Repair(t.Context(), rings(u.ring), archive.RepairOptions{})
				if err := errors.Join(collecting, verifying, repairing); err != nil && name != "every one damaged" {
					t.Error(err)
				}
				if d, err := u.vault.Domain(t.Context(), "key", u.ring); err == nil {
					_ = d.Reindex(t.Context())
					_, _ = d.Adopt(t.Context(), "point")
				}
				u.reopen()
			}
			if len(u.points) > 0 || len(u.names(t, "points/")) != 1 {
				t.Errorf("the manifests %q were deleted", u.points)
			}
		})
	}
}

func (u *undoing) each(t *testing.T, prefix string, do func(ctx context.Context, name string) error) {
	t.Helper()
	for _, name := range u.names(t, prefix) {
		if err := do(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

func (u *undoing) garble(ctx context.Context, name string) error {
	data, err := archivetest.Read(ctx, u.store, name)
	if err != nil {
		return err
	}
	for i := range data {
		data[i] ^= 0x55
	}
	return archivetest.Replace(ctx, u.store, name, data)
}
