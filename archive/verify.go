package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// VerifyOptions say how a verification goes about.
type VerifyOptions struct {
	// Progress is told, by several goroutines, of bytes that were read and found good or not. It may be nil.
	Progress func(bytes uint64)
}

// Damage is something in the store that is not what was sealed there.
type Damage struct {
	Object string   // the name of the object it lies in, if that is known
	What   string   // what of the object: a chunk, a node, the whole
	Err    error    // what is wrong
	Points []string // the recovery points it touches, as domain/point, sorted
}

// Report says what a verification found.
type Report struct {
	Domains, Points, Packs, Blobs int
	Bytes                         uint64 // read
	Damage                        []Damage
	Skipped                       []Skipped
}

// Clean tells whether everything was read and found good.
func (r *Report) Clean() bool { return len(r.Damage) == 0 && len(r.Skipped) == 0 }

// Verify reads all that lies in a vault, opens every seal, hashes every blob anew and follows every recovery point down to its
// last chunk. What it finds damaged it reports, with the recovery points that are touched; an error says that it could not go on.
func (v *Vault) Verify(ctx context.Context, rings Rings, opts VerifyOptions) (*Report, error) {
	domains, err := v.Domains(ctx)
	if err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	report := &Report{}
	for _, info := range domains {
		report.Domains++
		d, err := rings.open(ctx, v, info)
		if err == nil {
			c := &verification{d: d, opts: opts, report: report, bad: map[ID][]int{}, below: map[ID][]ID{}}
			err = c.run(ctx)
		}
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		if err != nil {
			report.Skipped = append(report.Skipped, Skipped{info, err})
		}
	}
	return report, nil
}

// A verification goes through one domain.
type verification struct {
	d    *Domain
	opts VerifyOptions

	mu     sync.Mutex // guards the rest
	report *Report
	bad    map[ID][]int // damaged and missing blobs, and the numbers of the damages that tell of them
	good   sync.Map     // blobs, by id, of which a good one was found
	below  map[ID][]ID  // bad blobs that nodes and lists reach
}

func (c *verification) run(ctx context.Context) error {
	// A lease, so that nothing is removed that was listed.
	lease, err := c.d.vault.newLease(ctx, c.d.id())
	if err != nil {
		return err
	}
	defer lease.release(ctx)
	return c.verify(ctx)
}

func (c *verification) verify(ctx context.Context) error {
	points, _, err := c.d.vault.listRoots(ctx, c.d.id())
	if err != nil {
		return err
	}
	if err := c.d.index.refresh(ctx, c.d); err != nil {
		return err
	}
	_, tables := c.d.index.snapshot()
	group, packs := errgroup.WithContext(ctx)
	var taken atomic.Int64
	for range c.d.vault.opts.Workers {
		group.Go(func() error {
			p := packVerifier{c: c}
			for i := taken.Add(1); i <= int64(len(tables)); i = taken.Add(1) {
				if err := p.verify(packs, tables[i-1]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.points(ctx, points)
}

// damage notes something that is wrong and gives its number.
func (c *verification) damage(object, what string, err error) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Damage = append(c.report.Damage, Damage{Object: object, What: what, Err: err})
	return len(c.report.Damage) - 1
}

func (c *verification) badBlob(id ID, damage int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad[id] = append(c.bad[id], damage)
}

// points follows the recovery points and notes which of them reach what is bad.
func (c *verification) points(ctx context.Context, points []root) error {
	for id := range c.bad {
		if _, good := c.good.Load(id); good {
			delete(c.bad, id) // it lies in another pack too
		}
	}
	for _, r := range points {
		m, err := c.d.readRoot(ctx, r)
		if m == nil && err == nil {
			continue // deleted meanwhile
		}
		c.report.Points++
		name := c.d.info.ID + "/" + r.point
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				return err
			}
			c.report.Damage = append(c.report.Damage, Damage{Object: r.name, What: "manifest", Err: err, Points: []string{name}})
			continue
		}
		if m.root.entries == 0 {
			continue
		}
		bad, err := c.node(ctx, m.root.id, m.kind, m.level)
		if err != nil {
			return err
		}
		for _, id := range bad {
			for _, number := range c.bad[id] {
				c.touch(number, name)
			}
		}
	}
	return nil
}

func (c *verification) touch(number int, point string) {
	d := &c.report.Damage[number]
	if at, found := slices.BinarySearchFunc(d.Points, point, strings.Compare); !found {
		d.Points = slices.Insert(d.Points, at, point)
	}
}

// missing notes a blob that the index does not know.
func (c *verification) missing(kind blobKind, id ID) {
	if _, known := c.bad[id]; known {
		return
	}
	if _, ok := c.d.index.find(id); !ok {
		c.badBlob(id, c.damage("", fmt.Sprintf("%s %s", kind, id), damaged("it is missing")))
	}
}

// node gives the bad blobs that a node reaches.
func (c *verification) node(ctx context.Context, id ID, kind Kind, level byte) ([]ID, error) {
	if bad, known := c.below[id]; known {
		return bad, nil
	}
	all := map[ID]bool{}
	if c.missing(nodeBlob, id); len(c.bad[id]) > 0 {
		all[id] = true
	} else if err := c.readNode(ctx, id, kind, level, all); err != nil {
		if !errors.Is(err, ErrDamaged) {
			return nil, err
		}
		c.badBlob(id, c.damage("", "node "+id.String(), err))
		all[id] = true
	}
	bad := slices.Collect(maps.Keys(all))
	c.below[id] = bad
	return bad, nil
}

func (c *verification) readNode(ctx context.Context, id ID, kind Kind, level byte, all map[ID]bool) error {
	n, err := c.d.readNode(ctx, id, kind, level)
	if err != nil {
		return err
	}
	for i := range n.children {
		bad, err := c.node(ctx, n.children[i].id, kind, level-1)
		if err != nil {
			return err
		}
		for _, id := range bad {
			all[id] = true
		}
	}
	for i := range n.entries {
		if err := c.refs(ctx, n.entries[i].refs, n.entries[i].depth, all); err != nil {
			return err
		}
	}
	return nil
}

// refs adds the bad blobs that refs reach.
func (c *verification) refs(ctx context.Context, refs []ref, depth byte, all map[ID]bool) error {
	for _, r := range refs {
		kind := chunkBlob
		if depth > 0 {
			kind = listBlob
		}
		if c.missing(kind, r.id); len(c.bad[r.id]) > 0 {
			all[r.id] = true
			continue
		}
		if depth == 0 {
			continue
		}
		list, err := c.d.readList(ctx, r, depth)
		if err == nil {
			err = c.refs(ctx, list.refs, list.depth, all)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
