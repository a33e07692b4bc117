package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// RepairOptions say where a repair finds what a vault has lost.
type RepairOptions struct {
	// Verify says what is looked at.
	Verify VerifyOptions
	// Copies gives recovery points that hold what the one named holds, open in other domains: copies of it, what it is a copy
	// of, other copies of that. All that is taken from them is checked against the keyed hash by which it is missed.
	Copies func(ctx context.Context, domain DomainInfo, point string) ([]*Point, error)
	// Domains are headers of sealing domains as they once were, for those that are lost.
	Domains []DomainInfo
	// Missing are recovery points, as domain/point, that must be there though the vault knows nothing of them.
	Missing []string
}

// Repair says what a repair found and what it did.
type Repair struct {
	Found  *Report  // before
	Left   *Report  // after; the packs that were good before are not read again
	Healed []Healed // what is well again
	Failed []Damage // what was tried in vain, and why
}

// Healed is something that was damaged and is not any more.
type Healed struct {
	Object string // where it was, if that is known
	What   string
	From   string // where what it is now comes from
}

// Repair verifies a vault and mends what it can: what is damaged or gone in one place is taken from another where it is well.
// Packs that are damaged are replaced by new ones, of what was good of them and what was found elsewhere; index objects are
// made anew from packs; manifests, from a copy of the recovery point. Nothing is taken over unseen: blobs are hashed under
// the domain's own key and must have the very id that is missed. What cannot be mended stays as it is, and is said.
//
// It may run beside writers, readers and collections, as a collection may.
func (v *Vault) Repair(ctx context.Context, rings Rings, opts RepairOptions) (*Repair, error) {
	done := &Repair{Found: &Report{}, Left: &Report{}}
	if err := v.repairDomains(ctx, rings, opts.Domains, done); err != nil {
		return nil, fmt.Errorf("repairing: %w", err)
	}
	domains, err := v.survey(ctx, done.Found)
	if err != nil {
		return nil, fmt.Errorf("repairing: %w", err)
	}
	done.Left.Damage = slices.Clone(done.Found.Damage)
	for _, info := range domains {
		done.Found.Domains++
		done.Left.Domains++
		d, err := rings.open(ctx, v, info)
		if err == nil {
			err = d.repair(ctx, opts, done)
			d.Close()
		}
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if err != nil {
			done.Left.Skipped = append(done.Left.Skipped, Skipped{info, err})
		}
	}
	return done, nil
}

// repairDomains stores the headers of sealing domains anew that are damaged or gone, where one is known that opens.
func (v *Vault) repairDomains(ctx context.Context, rings Rings, known []DomainInfo, done *Repair) error {
	for _, info := range known {
		id, err := parseObjectID(info.ID)
		if err != nil {
			return err
		}
		_, wrong := v.readDomain(ctx, id)
		if wrong == nil || !errors.Is(wrong, ErrDamaged) && !errors.Is(wrong, ErrNotExist) {
			continue
		}
		if _, err := rings.open(ctx, v, info); err != nil {
			done.Failed = append(done.Failed, Damage{Object: domainName(id), What: "sealing domain", Err: err})
			continue
		}
		header, err := json.MarshalIndent(domainHeader{
			Format: formatVersion, Vault: v.id, Domain: info.ID, Key: info.KeyID, Wrapped: info.Wrapped, Created: info.Created,
		}, "", "  ")
		if err != nil {
			return err
		}
		if err := v.store.Delete(ctx, domainName(id)); err != nil {
			return err
		}
		if err := v.store.Create(ctx, domainName(id), header); err != nil && !errors.Is(err, ErrExist) {
			return err
		}
		done.Healed = append(done.Healed, Healed{domainName(id), "sealing domain", "the catalogue"})
	}
	return nil
}

// A repair mends one domain.
type repair struct {
	d     *Domain
	c     *verification
	opts  RepairOptions
	done  *Repair
	lease *lease
	sink  *sink
	put   map[ID]bool // blobs that were found well and lie in the sink
	from  map[string][]*Point
	lost  []*knownPack // packs that the index has lost and that stay; nil before they are looked for
}

func (d *Domain) repair(ctx context.Context, opts RepairOptions, done *Repair) error {
	lease, err := d.vault.newLease(ctx, d.id())
	if err != nil {
		return err
	}
	defer lease.release(ctx)
	before := len(done.Found.Damage)
	r := &repair{d: d, c: newVerification(d, opts.Verify, done.Found), opts: opts, done: done, lease: lease, put: map[ID]bool{}, from: map[string][]*Point{}}
	if err := r.c.verify(ctx); err != nil {
		return err
	}
	missing := r.missing()
	if len(done.Found.Damage) == before && len(missing) == 0 {
		done.Left.Points += len(r.c.points)
		return nil
	}
	if err := r.packs(ctx); err != nil {
		return err
	}
	if err := r.manifests(ctx, lease, missing); err != nil {
		return err
	}
	return r.look(ctx, before)
}

// look verifies what is now, and tells of what is no longer damaged.
func (r *repair) look(ctx context.Context, before int) error {
	read := map[string]bool{}
	_, packs := r.d.index.snapshot()
	for _, p := range packs {
		read[p.id.String()] = true // before, or checked blob by blob on the way into the new pack
	}
	opts := r.opts.Verify
	opts.Select, opts.DataOnly = func(_, pack string) bool { return !read[pack] || r.fresh(pack) }, false
	left := len(r.done.Left.Damage)
	after := newVerification(r.d, opts, r.done.Left)
	if err := after.verify(ctx); err != nil {
		return err
	}
	remains := func(d Damage) bool {
		return slices.ContainsFunc(r.done.Left.Damage[left:], func(o Damage) bool { return o.What == d.What && (o.What != "pack" || o.Object == d.Object) })
	}
	for _, d := range r.done.Found.Damage[before:] {
		if !remains(d) && !slices.ContainsFunc(r.done.Healed, func(h Healed) bool { return h.What == d.What && h.Object == d.Object }) {
			r.done.Healed = append(r.done.Healed, Healed{d.Object, d.What, "the vault itself"})
		}
	}
	return nil
}

// fresh tells whether a pack was stored by this repair.
func (r *repair) fresh(pack string) bool {
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	return slices.ContainsFunc(r.sink.packs, func(t packTable) bool { return t.id.String() == pack })
}

// packs replaces the damaged packs, and with them what is lost of the index.
func (r *repair) packs(ctx context.Context) error {
	r.sink = newSink(ctx, r.d)
	err := r.fill(ctx)
	if err == nil {
		err = r.sink.flush()
	}
	if err != nil {
		return errors.Join(err, r.sink.abandon(context.WithoutCancel(ctx), r.lease))
	}
	r.sink.cancel(nil)
	return r.replace(ctx)
}

// fill puts into the sink what is to replace the damaged packs: first what is found elsewhere, then what is good of them.
func (r *repair) fill(ctx context.Context) error {
	if err := r.readLost(ctx); err != nil {
		return err
	}
	for _, at := range r.c.points {
		if err := r.heal(ctx, at); err != nil {
			return err
		}
	}
	hurt, err := r.hurt(ctx)
	if err != nil {
		return err
	}
	for _, p := range hurt {
		if err := r.move(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// readLost reads the packs that the index has lost and is to tell of again: the verification has read what recovery points miss of them,
// and what it could not follow may need the rest.
func (r *repair) readLost(ctx context.Context) error {
	if len(r.c.hurt) == 0 && len(r.d.index.damagedFiles()) == 0 && len(r.c.lost) == 0 {
		return nil
	}
	lost, err := r.regained(ctx)
	if err != nil {
		return err
	}
	return r.c.read(ctx, lost)
}

// regained gives the packs that the index has lost and is to tell of again: not those that are damaged, nor what has a tomb and no recovery
// point needs, as the packs that an earlier repair has replaced.
func (r *repair) regained(ctx context.Context) (packs []*knownPack, err error) {
	if r.lost == nil {
		if r.lost, err = r.staying(ctx); err != nil {
			return nil, err
		}
	}
	for _, p := range r.lost {
		_, needed := r.c.lost[p.id]
		if !r.c.hurt[p.id] && (needed || !r.d.index.marked(p.id)) {
			packs = append(packs, p)
		}
	}
	return packs, nil
}

// staying gives the packs that the index has lost and that nobody but a collection removes: not those that a writer at work may yet remove,
// nor those that a writer which is not at work any more has removed since they were listed.
func (r *repair) staying(ctx context.Context) ([]*knownPack, error) {
	lost, err := r.d.lost.packs(ctx, r.d)
	if err != nil || len(lost) == 0 {
		return nil, err
	}
	others, err := r.d.vault.underway(ctx, r.lease)
	if err != nil {
		return nil, err
	}
	there, err := r.d.vault.packSizes(ctx, r.d.id())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(lost), func(p *knownPack) bool {
		_, stored := there[p.id]
		return !stored || others.has(p.id)
	}), nil
}

// hurt gives the packs that are damaged or gone, also of those that the index has lost.
func (r *repair) hurt(ctx context.Context) (hurt []*knownPack, err error) {
	if len(r.c.hurt) == 0 {
		return nil, nil
	}
	_, packs := r.d.index.snapshot()
	lost, err := r.d.lost.packs(ctx, r.d)
	for _, p := range slices.Concat(packs, lost) {
		if r.c.hurt[p.id] {
			hurt = append(hurt, p)
		}
	}
	return hurt, err
}

// move puts what is good of a damaged pack into the sink: all of it, for a writer at work may count on what nothing reaches yet.
func (r *repair) move(ctx context.Context, p *knownPack) error {
	t, err := r.d.index.table(p)
	if err != nil {
		return err
	}
	var buf []byte
	for i := range t.blobs {
		b := &t.blobs[i]
		if _, bad := r.c.bad[b.id][p.id]; bad || r.put[b.id] {
			continue
		}
		payload, err := r.d.readPayload(ctx, location{p, b}, buf)
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotExist) {
			continue // it was well when it was read, or was not selected to be
		} else if err != nil {
			return err
		}
		r.put[b.id], buf = true, payload
		if err := r.sink.add(*b, payload); err != nil {
			return err
		}
	}
	return nil
}

// replace makes the index tell of the new packs and not of the damaged ones. These get tombs first, so that a collection that
// has read the index before, and stores it anew after, brings none of them back to where blobs are taken from.
func (r *repair) replace(ctx context.Context) error {
	hurt, err := r.hurt(ctx)
	if err != nil {
		return err
	}
	for _, p := range hurt {
		if !r.c.stored[p.id] {
			continue
		}
		since := r.d.vault.opts.Clock.Now()
		if err := r.d.vault.store.Create(ctx, tombName(r.d.id(), p.id, since), nil); err != nil && !errors.Is(err, ErrExist) {
			return err
		}
	}
	if len(hurt) == 0 && len(r.d.index.damagedFiles()) == 0 && len(r.c.lost) == 0 {
		return nil
	}
	listed, err := r.d.vault.listIndexes(ctx, r.d.id())
	if err != nil {
		return err
	}
	files, packs := r.d.index.snapshot()
	broken := r.d.index.damagedFiles()
	superseded := slices.DeleteFunc(listed, func(id objectID) bool {
		_, damaged := broken[id]
		return !damaged && !slices.Contains(files, id) && !slices.Contains(r.d.index.supersededBy(files), id)
	})
	packs = slices.DeleteFunc(packs, func(p *knownPack) bool { return r.c.hurt[p.id] })
	err = r.d.storeIndex(ctx, r.tables(ctx, packs), superseded)
	r.d.lost.forget()
	return err
}

// tables gives the tables of packs, and of those that the index has lost.
func (r *repair) tables(ctx context.Context, packs []*knownPack) iter.Seq2[*packTable, error] {
	return func(yield func(*packTable, error) bool) {
		for _, p := range packs {
			if t, err := r.d.index.table(p); !yield(t, err) || err != nil {
				return
			}
		}
		lost, err := r.regained(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, p := range lost {
			if slices.ContainsFunc(packs, func(k *knownPack) bool { return k.id == p.id }) {
				continue
			}
			if !yield(&packTable{id: p.id, size: p.size, blobs: p.blobs}, nil) {
				return
			}
		}
	}
}

// copies gives recovery points of other domains that hold what one of this domain holds.
func (r *repair) copies(ctx context.Context, point string) ([]*Point, error) {
	if known, asked := r.from[point]; asked || r.opts.Copies == nil {
		return known, nil
	}
	copies, err := r.opts.Copies(ctx, r.d.info, point)
	if err != nil {
		return nil, fmt.Errorf("finding copies of the recovery point %s: %w", point, err)
	}
	copies = slices.DeleteFunc(copies, func(p *Point) bool { return p.d.same(r.d) })
	r.from[point] = copies
	return copies, nil
}

// missing gives the recovery points of this domain that must be there and have no manifest.
func (r *repair) missing() (points []string) {
	for _, name := range r.opts.Missing {
		domain, point, _ := strings.Cut(name, "/")
		if domain == r.d.info.ID && !slices.Contains(r.done.Found.There, name) && checkPointID(point) == nil {
			points = append(points, point)
		}
	}
	return points
}

// manifests makes those manifests anew that are damaged or missing.
func (r *repair) manifests(ctx context.Context, lease *lease, missing []string) error {
	for _, at := range r.c.points {
		if _, err := r.d.readRoot(ctx, at); errors.Is(err, ErrDamaged) {
			missing = append(missing, at.point)
		}
	}
	for _, point := range missing {
		name := pointName(r.d.id(), point)
		from, err := r.manifest(ctx, lease, point)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.done.Failed = append(r.done.Failed, Damage{Object: name, What: "manifest", Err: err, Points: []string{r.d.info.ID + "/" + point}})
			continue
		}
		r.done.Healed = append(r.done.Healed, Healed{name, "manifest", from})
	}
	return nil
}

// manifest makes a manifest out of that of a copy. The tree it names is there already, but for what is lost of it: the copy
// says what belongs to it, and what the domain has is not stored again.
func (r *repair) manifest(ctx context.Context, lease *lease, point string) (from string, err error) {
	copies, err := r.copies(ctx, point)
	if err != nil {
		return "", err
	}
	if len(copies) == 0 {
		return "", damaged("no copy of it is known")
	}
	var all error
	for _, src := range copies {
		if err := r.commit(ctx, lease, point, src); err != nil {
			all = errors.Join(all, fmt.Errorf("from %s of %s: %w", src.id, src.d.vault.id, err))
			continue
		}
		return src.d.vault.id, nil
	}
	return "", all
}

func (r *repair) commit(ctx context.Context, lease *lease, point string, src *Point) error {
	c := newCopier(ctx, r.d, src, nil)
	m, err := c.manifest(CopyOptions{Point: point, Metadata: src.m.metadata})
	if err == nil {
		err = c.sink.flush()
	}
	if err == nil { // all is there that the new manifest reaches: the damaged one can go
		err = r.d.vault.store.Delete(ctx, pointName(r.d.id(), point))
	}
	if err == nil {
		_, err = c.sink.commit(ctx, lease, point, m)
	}
	if err != nil {
		return errors.Join(err, c.sink.abandon(context.WithoutCancel(ctx), lease))
	}
	c.sink.cancel(nil)
	return nil
}
