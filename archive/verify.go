package archive

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// VerifyOptions say how a verification goes about. The zero value reads everything as fast as it can.
type VerifyOptions struct {
	// Progress is told, by several goroutines, of bytes that were read and found good or not. It may be nil.
	Progress func(bytes uint64)
	// Select tells which packs are read. What is not read counts as good if it is there and as long as it must be. All if nil.
	Select func(domain, pack string) bool
	// Pack is told, by several goroutines, of each pack that was read. An error ends the verification. It may be nil.
	Pack func(PackRead) error
	// Pace is called before bytes of packs are read and may wait, so that others come first. It may be nil.
	Pace func(ctx context.Context, bytes int) error
	// DataOnly leaves out following the recovery points, unless a pack that is read turns out to be damaged.
	DataOnly bool
}

// PackRead says how the reading of a pack went.
type PackRead struct {
	Domain, Pack string
	Bytes        uint64
	Damaged      bool
}

// A Subset is one of several parts of all packs; together the parts are everything. It follows from the packs' names, so
// that it is the same tomorrow.
type Subset struct{ Part, Of int } // part 1 of 7, say; the zero value is everything

// ParseSubset reads a subset as people write it: 1/7.
func ParseSubset(text string) (s Subset, err error) {
	part, of, _ := strings.Cut(text, "/")
	if s.Part, err = strconv.Atoi(part); err == nil {
		s.Of, err = strconv.Atoi(of)
	}
	if err != nil || s.Of < 1 || s.Part < 1 || s.Part > s.Of {
		return Subset{}, fmt.Errorf("%q is not a part such as 1/7", text)
	}
	return s, nil
}

// Has tells whether a pack belongs to the part.
func (s Subset) Has(pack string) bool {
	id, err := parseObjectID(pack)
	if err != nil || s.Of <= 1 {
		return true
	}
	return int(binary.BigEndian.Uint64(id[8:])%uint64(s.Of)) == s.Part-1
}

// Damage is something in the store that is not what was sealed there.
type Damage struct {
	Object string   // the name of the object it lies in, if that is known
	What   string   // what of the object: a chunk, a node, the whole
	Err    error    // what is wrong
	Points []string // the recovery points that cannot be restored whole because of it, as domain/point, sorted
}

// Report says what a verification found.
type Report struct {
	Domains, Points, Packs, Blobs int
	Bytes                         uint64 // read
	Damage                        []Damage
	Skipped                       []Skipped
	There                         []string // the recovery points that have a manifest, good or not, as domain/point, sorted
}

// Clean tells whether everything was read and found good.
func (r *Report) Clean() bool { return len(r.Damage) == 0 && len(r.Skipped) == 0 }

// Touched gives the recovery points that something found is damaged of, sorted.
func (r *Report) Touched() []string {
	var all []string
	for _, d := range r.Damage {
		all = append(all, d.Points...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Verify reads all that lies in a vault, opens every seal, hashes every blob anew and follows every recovery point down to its
// last chunk. What it finds damaged it reports, with the recovery points that are touched; an error says that it could not go on.
func (v *Vault) Verify(ctx context.Context, rings Rings, opts VerifyOptions) (*Report, error) {
	report := &Report{}
	domains, err := v.survey(ctx, report)
	if err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	for _, info := range domains {
		report.Domains++
		d, err := rings.open(ctx, v, info)
		if err == nil {
			err = newVerification(d, opts, report).run(ctx)
			d.Close()
		}
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		if err != nil {
			report.Skipped = append(report.Skipped, Skipped{info, err})
		}
	}
	slices.Sort(report.There)
	return report, nil
}

// A verification goes through one domain.
type verification struct {
	d      *Domain
	store  Store // the vault's, to read packs from, with nothing of it in memory
	opts   VerifyOptions
	points []root
	trash  []root

	mu     sync.Mutex // guards the rest
	report *Report
	bad    map[ID]map[objectID]int // blobs, the packs in which they are damaged, and the number of the damage that tells of it
	below  map[sighting]*facts     // what is known of nodes and lists
	hurt   map[objectID]bool       // packs of which something is damaged, or that are gone
	stored map[objectID]bool       // packs of the index that are there
	lost   map[objectID]int        // packs that the index has lost, and the number of the damage

	removed []int // numbers of damages that are packs which are gone and have a tomb
}

func newVerification(d *Domain, opts VerifyOptions, report *Report) *verification {
	return &verification{
		d: d, store: reread(d.vault.store), opts: opts, report: report,
		bad: map[ID]map[objectID]int{}, below: map[sighting]*facts{}, lost: map[objectID]int{},
		hurt: map[objectID]bool{}, stored: map[objectID]bool{},
	}
}

func (c *verification) run(ctx context.Context) error {
	// A lease, so that nothing is removed that was listed.
	lease, err := c.d.vault.newLease(ctx, c.d.id())
	if err != nil {
		return err
	}
	defer lease.release(ctx)
	err = c.verify(ctx)
	c.forgive()
	return err
}

// forgive leaves out packs that are gone because a collection has removed them, when a writer that had slept through its lease told
// of them in the index after that. Their tombs say so, as long as no recovery point misses them.
func (c *verification) forgive() {
	for _, number := range slices.Backward(c.removed) {
		if len(c.report.Damage[number].Points) == 0 {
			c.report.Damage = slices.Delete(c.report.Damage, number, number+1)
		}
	}
}

func (c *verification) verify(ctx context.Context) (err error) {
	if c.points, c.trash, err = c.d.vault.listRoots(ctx, c.d.id()); err != nil {
		return err
	}
	faults, err := c.d.index.refreshed(ctx, c.d)
	if err != nil {
		return err
	}
	for id, err := range c.d.index.damagedFiles() {
		c.damage(indexName(c.d.id(), id), "index object", err)
	}
	tables, err := c.there(ctx)
	if err != nil {
		return err
	}
	if err := c.packs(ctx, tables); err != nil {
		return err
	}
	if c.opts.DataOnly && len(c.bad) == 0 {
		return nil
	}
	if err := c.follow(ctx); err != nil {
		return err
	}
	if c.d.index.faults.Load() != faults { // then what was not found may be there
		return errIndexDropped
	}
	return c.deleted(ctx)
}

// there gives the packs of the index that the store has, and notes those that are missing or not as long as they must be.
func (c *verification) there(ctx context.Context) (tables []*knownPack, err error) {
	sizes, err := c.d.vault.packSizes(ctx, c.d.id())
	if err != nil {
		return nil, err
	}
	for id := range sizes {
		c.stored[id] = true
	}
	_, named := c.d.index.snapshot()
	var gone []*knownPack
	for _, t := range named {
		switch size, ok := sizes[t.id]; {
		case !ok:
			gone = append(gone, t)
		case size != int64(t.size):
			// Also if it is not selected: what is cut off is lost whoever reads it.
			if err := c.wrongSize(t, size); err != nil {
				return nil, err
			}
			tables = append(tables, t)
		default:
			tables = append(tables, t)
		}
	}
	if len(gone) == 0 {
		return tables, nil
	}
	if err := c.d.index.refresh(ctx, c.d); err != nil { // a collection may have removed them since
		return nil, err
	}
	for _, t := range gone {
		if !c.d.index.names(t.id) {
			continue
		}
		number := c.damage(packName(c.d.id(), t.id), "pack", damaged("it is missing"))
		if c.d.index.marked(t.id) {
			c.removed = append(c.removed, number)
		}
		if err := c.behind(t, 0, number); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func (c *verification) wrongSize(t *knownPack, size int64) error {
	if c.selected(t) {
		return nil // it is read, and found out then
	}
	return c.behind(t, size, c.damage(packName(c.d.id(), t.id), "pack", damaged("the pack is not as long as the index says")))
}

// behind notes that the blobs of a pack which end behind a length are lost.
func (c *verification) behind(p *knownPack, size int64, damage int) error {
	t, err := c.d.index.table(p)
	if err != nil {
		return err
	}
	c.injured(t.id)
	for i := range t.blobs {
		if t.end(i) > size {
			c.badBlob(t.blobs[i].id, t.id, damage)
		}
	}
	return nil
}

func (c *verification) selected(t *knownPack) bool {
	return c.opts.Select == nil || c.opts.Select(c.d.info.ID, t.id.String())
}

// packs reads the packs that are selected.
func (c *verification) packs(ctx context.Context, tables []*knownPack) error {
	return c.read(ctx, slices.DeleteFunc(tables, func(t *knownPack) bool { return !c.selected(t) }))
}

// read reads packs, several at once.
func (c *verification) read(ctx context.Context, tables []*knownPack) error {
	group, packs := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for range c.d.vault.opts.Workers {
		group.Go(func() error {
			p := packVerifier{c: c}
			for i := taken.Add(1); i <= int64(len(tables)); i = taken.Add(1) {
				if next := i + int64(c.d.vault.opts.Workers); c.opts.Pace == nil && next <= int64(len(tables)) {
					expectPack(packs, c.store, packName(c.d.id(), tables[next-1].id), int64(tables[next-1].size))
				}
				if err := p.verify(packs, tables[i-1]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// damage notes something that is wrong and gives its number.
func (c *verification) damage(object, what string, err error) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Damage = append(c.report.Damage, Damage{Object: object, What: what, Err: err})
	return len(c.report.Damage) - 1
}

// badBlob notes that a blob is damaged in a pack; the zero pack stands for all there are.
func (c *verification) badBlob(id ID, pack objectID, damage int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bad[id] == nil {
		c.bad[id] = map[objectID]int{}
	}
	c.bad[id][pack] = damage
}

// injured notes that a pack is damaged.
func (c *verification) injured(pack objectID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hurt[pack] = true
}

// object gives the name of the pack that a blob is damaged in, if there is one.
func (c *verification) object(id ID) string {
	for pack := range c.bad[id] {
		if pack != (objectID{}) {
			return packName(c.d.id(), pack)
		}
	}
	return ""
}

func (c *verification) touch(number int, point string) {
	d := &c.report.Damage[number]
	if at, found := slices.BinarySearchFunc(d.Points, point, strings.Compare); !found {
		d.Points = slices.Insert(d.Points, at, point)
	}
}

// deleted looks at the manifests in the trash. Nobody restores them, but collections read them.
func (c *verification) deleted(ctx context.Context) error {
	for _, r := range c.trash {
		_, err := c.d.readRoot(ctx, r)
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) {
			c.damage(r.name, "manifest of a deleted recovery point", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// survey goes through the names of all objects. It gives the domains whose headers are good, and reports those that are
// damaged or missing, with all their recovery points, and what does not belong into a vault.
func (v *Vault) survey(ctx context.Context, report *Report) ([]DomainInfo, error) {
	points, headers := map[string][]string{}, map[string]bool{}
	for object, err := range v.store.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		part, rest, _ := strings.Cut(object.Name, "/")
		domain, name, _ := strings.Cut(rest, "/")
		switch {
		case !ours(part, domain, name):
			report.Damage = append(report.Damage, Damage{Object: object.Name, What: "object", Err: damaged("its name is none that a vault has")})
		case part == "domains":
			headers[domain] = true
		case part == "points":
			points[domain] = append(points[domain], rest)
			report.There = append(report.There, rest)
		}
	}
	for domain := range points {
		if !headers[domain] {
			headers[domain] = false
		}
	}
	var infos []DomainInfo
	for domain, there := range headers {
		id, err := parseObjectID(domain)
		if err != nil {
			return nil, err
		}
		var info DomainInfo
		if err = damaged("it is missing"); there {
			info, err = v.readDomain(ctx, id)
		}
		switch {
		case err == nil:
			infos = append(infos, info)
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrVersion):
			slices.Sort(points[domain])
			report.Damage = append(report.Damage, Damage{Object: domainName(id), What: "sealing domain", Err: err, Points: points[domain]})
		default:
			return nil, err
		}
	}
	slices.SortFunc(infos, func(a, b DomainInfo) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return infos, nil
}

// ours tells whether a vault can have an object of this name.
func ours(part, domain, name string) bool {
	if _, err := parseObjectID(domain); err != nil {
		return false
	}
	head, tail, _ := strings.Cut(name, ".")
	_, badID := parseObjectID(head)
	_, badTime := parseStamp(tail)
	switch part {
	case "domains":
		return name == ""
	case "packs", "index":
		return badID == nil && tail == ""
	case "tombs":
		return badID == nil && badTime == nil
	case "leases":
		start, end, _ := strings.Cut(tail, ".")
		_, badStart := parseStamp(start)
		_, badEnd := parseStamp(end)
		return badID == nil && badStart == nil && badEnd == nil
	case "points":
		return checkPointID(name) == nil
	case "trash":
		_, badTime := parseStamp(head)
		return badTime == nil && checkPointID(tail) == nil
	}
	return false
}

// packSizes gives the packs that the store has of a domain, and their sizes.
func (v *Vault) packSizes(ctx context.Context, domain objectID) (map[objectID]int64, error) {
	sizes := map[objectID]int64{}
	for object, err := range v.store.List(ctx, packPrefix(domain)) {
		if err != nil {
			return nil, err
		}
		if id, err := parseObjectID(strings.TrimPrefix(object.Name, packPrefix(domain))); err == nil {
			sizes[id] = object.Size
		}
	}
	return sizes, nil
}
