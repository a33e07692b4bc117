package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"strongroom/archive"
	"strongroom/clock"
)

// there tells whether a vault lists a recovery point, to a process that begins.
func (v *victim) there(p *place, name string) bool {
	points, err := archive.OpenVault(p.store, p.name, archive.Options{}).Points(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	return slices.ContainsFunc(points, func(i archive.PointInfo) bool { return i.ID == name })
}

// look compares all that a vault should have with what it has, and verifies it.
func (v *victim) look(p *place) {
	points, err := archive.OpenVault(p.store, p.name, archive.Options{}).Points(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	var got []string
	for _, i := range points {
		got = append(got, i.ID)
	}
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(p.points)); !slices.Equal(got, want) {
		v.t.Errorf("%s has %v, want %v", p.name, got, want)
		return
	}
	for name := range p.points {
		v.compare(p, name)
	}
	fresh := archive.OpenVault(p.store, p.name, archive.Options{Clock: clock.NewFrozen(v.now)})
	report, err := fresh.Verify(v.t.Context(), p.ring, archive.VerifyOptions{})
	if err != nil || !report.Clean() {
		v.t.Errorf("verifying %s: %v, %+v", p.name, err, report)
	}
}

// compare restores a recovery point as a process does that begins, and as one that knows of older times.
func (v *victim) compare(p *place, name string) {
	want := p.points[name]
	for _, vault := range []*archive.Vault{archive.OpenVault(p.store, p.name, archive.Options{}), v.vault(p)} {
		if err := v.restored(vault, p, name, want); err != nil {
			v.t.Errorf("%s of %s, under %s: %v", name, p.name, want.key, err)
		}
	}
}

func (v *victim) restored(vault *archive.Vault, p *place, name string, want *held) error {
	ctx := v.t.Context()
	domain, err := vault.OpenDomain(ctx, want.key, p.rings[want.key])
	if err != nil {
		return err
	}
	point, err := domain.Open(ctx, name)
	if err != nil {
		return err
	}
	if want.kind == archive.Volume {
		got := make([]byte, point.Size())
		for b, err := range point.Blocks(ctx, 0) {
			if err != nil {
				return err
			}
			if _, err := point.ReadBlock(ctx, b.Number, got[b.Number*tortureBlock:min((b.Number+1)*tortureBlock, uint64(len(got)))]); err != nil {
				return err
			}
		}
		if !bytes.Equal(got, want.volume) {
			return errors.New("the volume has other content")
		}
		written := make(memoryDisk, point.Size())
		if err := point.WriteVolume(ctx, written, nil); err != nil {
			return err
		}
		if !bytes.Equal(written, want.volume) {
			return errors.New("the volume is written with other content")
		}
		return nil
	}
	seen := 0
	for e, err := range point.Entries(ctx, nil) {
		if err != nil {
			return err
		}
		seen++
		var content strings.Builder
		if _, err := io.Copy(&content, e.Open(ctx)); err != nil {
			return err
		}
		if there, ok := want.objects[string(e.Key)]; !ok || there != content.String() {
			return fmt.Errorf("%q has other content", e.Key)
		}
	}
	if seen != len(want.objects) {
		return fmt.Errorf("it has %d objects, not %d", seen, len(want.objects))
	}
	return nil
}

// end looks at everything, deletes it, and collects until nothing is left over.
func (v *victim) end() {
	for _, p := range v.places {
		v.look(p)
		vault := archive.OpenVault(p.store, p.name, archive.Options{Clock: clock.NewFrozen(v.now)})
		points, err := vault.Points(v.t.Context())
		if err != nil {
			v.t.Fatal(err)
		}
		for _, i := range points {
			if err := vault.Delete(v.t.Context(), i.Domain, i.ID); err != nil {
				v.t.Fatal(err)
			}
		}
		for n := range 6 {
			later := archive.OpenVault(p.store, p.name, archive.Options{Clock: clock.NewFrozen(v.now.Add(time.Duration(10+5*n) * time.Hour))})
			if _, err := later.Collect(v.t.Context(), p.ring, archive.CollectOptions{Margin: tortureMargin}); err != nil {
				v.t.Fatal(err)
			}
		}
		for info, err := range p.store.List(v.t.Context(), "") {
			if err != nil {
				v.t.Fatal(err)
			}
			if !strings.HasPrefix(info.Name, "domains/") {
				v.t.Errorf("%s of %s is left over", info.Name, p.name)
			}
		}
	}
}
