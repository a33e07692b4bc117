package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"strongroom/clock"
)

// Options tune a vault. The zero value is good for ordinary use.
type Options struct {
	// Clock dates what is stored and decides when leases and margins end. It should be the machine's, [clock.Wall], which
	// is the default: a clock that somebody moves forward ends the leases of running writers.
	Clock clock.Clock
	// Workers is how many goroutines of each writer, copy or reader hash, compress, seal and open. Default: GOMAXPROCS.
	Workers int
	// PackSize is the length in bytes at which a pack is stored. Each writer holds up to three. Default: 16 MiB.
	PackSize int
	// Lease is for how long a writer may be silent before its work counts as given up. Default: one hour.
	Lease time.Duration
	// ReadAhead is how many bytes of content a reader may hold. Default: 16 MiB.
	ReadAhead int
	// IndexCache bounds what the vault's indexes hold in memory. Default: one that all vaults of the process share.
	IndexCache *IndexCache
	// Gate is what compressing and decompressing goes through. Vaults that are open in one process may share one, so that all
	// their jobs together take the processors that it has seats for. Default: none.
	Gate *Gate
	// Budget is what writers, copies and restores take the memory from that they hold. Vaults that are open in one process may share
	// one, so that all their jobs together keep within it. Default: none.
	Budget *Budget
	// Level is how hard blobs are compressed. Default: zstd.SpeedFastest.
	Level zstd.EncoderLevel
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.Wall
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.PackSize <= 0 {
		o.PackSize = 16 << 20
	}
	o.PackSize = min(o.PackSize, 1<<30)
	if o.Lease <= 0 {
		o.Lease = time.Hour
	}
	if o.ReadAhead <= 0 {
		o.ReadAhead = 16 << 20
	}
	if o.IndexCache == nil {
		o.IndexCache = sharedIndexCache
	}
	if o.Level == 0 {
		o.Level = zstd.SpeedFastest
	}
	return o
}

// A Vault is a store, or a part of one, in which the recovery points of one backup vault lie. Its methods may be called
// at once, and any number of processes may have the same vault open.
type Vault struct {
	store Store
	id    string
	opts  Options
	codec *codec
	blobs sync.Pool // *[]byte that blobs are read into
	refs  int       // how many chunks an entry or a chunk list names at most
	free  int       // what a collection may read and still do so every time; see [recollection.rest]
	spans int       // how many spans of a volume are restored together, about

	mu        sync.Mutex // guards the rest
	indexes   map[objectID]*index
	collected map[objectID]*recollection
}

// OpenVault opens the vault that lies in a store. The id, the vault's ARN say, is bound into every seal: under another
// id nothing opens. A vault that is new needs no making.
func OpenVault(store Store, id string, opts Options) *Vault {
	v := &Vault{
		store: store, id: id, opts: opts.withDefaults(), refs: maxRefs, free: freeReads, spans: windowSpans,
		indexes: map[objectID]*index{}, collected: map[objectID]*recollection{},
	}
	v.codec = newCodec(v.opts.Level, v.opts.Gate)
	return v
}

// ID is the id the vault was opened with.
func (v *Vault) ID() string { return v.id }

// index is what this process knows of a domain's packs, shared by all who have the domain open.
func (v *Vault) index(domain objectID) *index {
	v.mu.Lock()
	defer v.mu.Unlock()
	x, ok := v.indexes[domain]
	if !ok {
		x = newIndex(v.opts.IndexCache)
		v.indexes[domain] = x
	}
	return x
}

// DomainInfo tells what is known of a sealing domain without its key.
type DomainInfo struct {
	ID      string
	Vault   string // the vault's id
	KeyID   string // the KMS key that wraps the data key
	Wrapped []byte // the wrapped data key
	Created time.Time
}

// Domains lists the sealing domains of the vault. It fails if the header of one is damaged.
func (v *Vault) Domains(ctx context.Context) ([]DomainInfo, error) {
	infos, skipped, err := v.readableDomains(ctx)
	for _, s := range skipped {
		err = errors.Join(err, s.Err)
	}
	if err != nil {
		return nil, err
	}
	return infos, nil
}

// DomainIDs lists the ids of the sealing domains of the vault, whether their headers are good or damaged.
func (v *Vault) DomainIDs(ctx context.Context) (ids []string, err error) {
	for object, err := range v.store.List(ctx, "domains/") {
		if err != nil {
			return nil, err
		}
		if id, err := parseObjectID(strings.TrimPrefix(object.Name, "domains/")); err == nil {
			ids = append(ids, id.String())
		}
	}
	return ids, nil
}

// readableDomains lists the sealing domains, and apart those whose headers are damaged.
func (v *Vault) readableDomains(ctx context.Context) (infos []DomainInfo, skipped []Skipped, err error) {
	for object, err := range v.store.List(ctx, "domains/") {
		if err != nil {
			return nil, nil, err
		}
		id, err := parseObjectID(strings.TrimPrefix(object.Name, "domains/"))
		if err != nil {
			continue // not ours; Verify tells of it
		}
		info, err := v.readDomain(ctx, id)
		switch {
		case err == nil:
			infos = append(infos, info)
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrVersion), errors.Is(err, ErrNotExist):
			skipped = append(skipped, Skipped{DomainInfo{ID: id.String(), Vault: v.id}, err})
		default:
			return nil, nil, err
		}
	}
	slices.SortFunc(infos, func(a, b DomainInfo) int {
		return strings.Compare(stamp(a.Created)+a.ID, stamp(b.Created)+b.ID)
	})
	return infos, skipped, nil
}

// domainHeader is what lies in the store of a domain, as JSON.
type domainHeader struct {
	Format  int       `json:"format"`
	Vault   string    `json:"vault"`
	Domain  string    `json:"domain"`
	Key     string    `json:"key"`
	Wrapped []byte    `json:"wrapped"`
	Created time.Time `json:"created"`
}

func (v *Vault) readDomain(ctx context.Context, id objectID) (DomainInfo, error) {
	data, err := readObject(ctx, v.store, domainName(id), 1<<20)
	if err != nil {
		return DomainInfo{}, err
	}
	var h domainHeader
	if err := json.Unmarshal(data, &h); err != nil {
		return DomainInfo{}, damaged("%s is not a domain: %v", domainName(id), err)
	}
	if h.Format != formatVersion {
		return DomainInfo{}, fmt.Errorf("%s: %w", domainName(id), ErrVersion)
	}
	if h.Vault != v.id || h.Domain != id.String() || domainID(h.Vault, h.Key) != id {
		return DomainInfo{}, damaged("%s belongs to another vault", domainName(id))
	}
	return DomainInfo{ID: h.Domain, Vault: h.Vault, KeyID: h.Key, Wrapped: h.Wrapped, Created: h.Created}, nil
}

// PointInfo tells what is known of a recovery point without its domain's key.
type PointInfo struct {
	ID      string
	Domain  string // the id of its sealing domain
	Created time.Time
}

// PointNames lists the recovery points that have a manifest, good or not, as domain/point, sorted.
func (v *Vault) PointNames(ctx context.Context) (names []string, err error) {
	for object, err := range v.store.List(ctx, "points/") {
		if err != nil {
			return nil, err
		}
		names = append(names, strings.TrimPrefix(object.Name, "points/"))
	}
	slices.Sort(names)
	return names, nil
}

// PointCreated tells when a recovery point was committed, as its manifest says before it is opened.
func (v *Vault) PointCreated(ctx context.Context, domain, point string) (time.Time, error) {
	header := make([]byte, manifestHeaderSize)
	if _, err := v.store.ReadAt(ctx, "points/"+domain+"/"+point, header, 0); err != nil {
		return time.Time{}, err
	}
	h, err := parseManifestHeader(header)
	return h.created, err
}

// Points lists the committed recovery points of the vault, of all domains, sorted by domain and id.
func (v *Vault) Points(ctx context.Context) ([]PointInfo, error) {
	var infos []PointInfo
	var names []string
	for object, err := range v.store.List(ctx, "points/") {
		if err != nil {
			return nil, err
		}
		names = append(names, object.Name)
	}
	for some := range slices.Chunk(names, parallel(v.store)) {
		read := make([]PointInfo, len(some))
		group, ctx := errgroup.WithContext(ctx)
		for i, name := range some {
			group.Go(func() (err error) {
				read[i], err = v.readPointInfo(ctx, name)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		infos = append(infos, slices.DeleteFunc(read, func(i PointInfo) bool { return i.ID == "" })...)
	}
	slices.SortFunc(infos, func(a, b PointInfo) int { return strings.Compare(a.Domain+a.ID, b.Domain+b.ID) })
	return infos, nil
}

// readPointInfo reads the header of a manifest, and gives nothing if that has been deleted.
func (v *Vault) readPointInfo(ctx context.Context, name string) (PointInfo, error) {
	domain, point, _ := strings.Cut(strings.TrimPrefix(name, "points/"), "/")
	id, err := parseObjectID(domain)
	if err != nil {
		return PointInfo{}, err
	}
	header := make([]byte, manifestHeaderSize)
	if _, err := v.store.ReadAt(ctx, name, header, 0); errors.Is(err, ErrNotExist) {
		return PointInfo{}, nil
	} else if err != nil {
		return PointInfo{}, fmt.Errorf("reading the recovery point %s: %w", point, err)
	}
	h, err := parseManifestHeader(header)
	if err != nil {
		return PointInfo{}, fmt.Errorf("reading the recovery point %s: %w", point, err)
	}
	if h.domain != id {
		return PointInfo{}, damaged("%s belongs to another domain", name)
	}
	return PointInfo{ID: point, Domain: domain, Created: h.created}, nil
}
