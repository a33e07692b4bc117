package work

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/state"
)

// packLog writes down which packs were read, some at a time.
type packLog struct {
	*Runner
	archive string

	mu      sync.Mutex // guards the rest
	rows    []state.ArchivePack
	written time.Time       // when some were written down last
	seen    map[string]bool // domain/pack that there are
}

// packRows is how many packs are written down at once, and packPause for how long they wait for others: a slow reading that is killed
// is not to begin anew.
const (
	packRows  = 64
	packPause = 10 * time.Second
)

func (p *packLog) saw(domain, pack string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[domain+"/"+pack] = true
}

func (p *packLog) read(ctx context.Context, x archive.PackRead) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows = append(p.rows, state.ArchivePack{
		Archive: p.archive, Domain: x.Domain, Pack: x.Pack, ReadAt: state.MicrosOf(clock.Wall.Now()), Bytes: int64(x.Bytes), Damaged: x.Damaged,
	})
	if len(p.rows) < packRows && clock.Wall.Now().Sub(p.written) < packPause {
		return nil
	}
	return p.flushLocked(ctx)
}

// flush writes what is left, also of a verification that was ended: it need not read that again.
func (p *packLog) flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flushLocked(context.WithoutCancel(ctx))
}

func (p *packLog) flushLocked(ctx context.Context) error {
	rows := p.rows
	p.rows, p.written = nil, clock.Wall.Now()
	if len(rows) == 0 {
		return nil
	}
	return p.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, row := range rows {
			if err := tx.PutArchivePack(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// forget removes the packs that are no more.
func (p *packLog) forget(ctx context.Context) error {
	var domain, pack string
	for {
		known, err := view(ctx, p.Runner, func(ctx context.Context, tx *state.Tx) ([]state.ArchivePack, error) {
			return tx.ArchivePacks(ctx, p.archive, domain, pack, 1000)
		})
		if err != nil || len(known) == 0 {
			return err
		}
		domain, pack = known[len(known)-1].Domain, known[len(known)-1].Pack
		gone := slices.DeleteFunc(known, func(k state.ArchivePack) bool { return p.seen[k.Domain+"/"+k.Pack] })
		if len(gone) == 0 {
			continue
		}
		if err := p.update(ctx, func(ctx context.Context, tx *state.Tx) error {
			for _, k := range gone {
				if err := tx.DeleteArchivePack(ctx, p.archive, k.Domain, k.Pack); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}

// keep writes down how the verification went.
func (x *verification) keep(ctx context.Context, report *archive.Report, opts archive.VerifyOptions) error {
	if len(report.Skipped) == 0 {
		if err := x.packs.forget(ctx); err != nil {
			return err
		}
	}
	damage, err := json.Marshal(x.damaged)
	if err != nil {
		return err
	}
	var domains []archive.DomainInfo
	if len(x.damaged) == 0 { // then all that are not skipped opened
		if domains, err = x.v.Domains(ctx); err != nil {
			return err
		}
		domains = slices.DeleteFunc(domains, func(d archive.DomainInfo) bool {
			return slices.ContainsFunc(report.Skipped, func(s archive.Skipped) bool { return s.Domain.ID == d.ID })
		})
	}
	return x.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, d := range domains {
			if err := tx.PutArchiveDomain(ctx, header(x.v.ID(), d)); err != nil {
				return err
			}
		}
		if err := x.spoil(ctx, tx); err != nil || opts.DataOnly && len(x.damaged) == 0 {
			return err
		}
		return tx.PutArchiveVerification(ctx, state.ArchiveVerification{
			Archive: x.v.ID(), By: x.q.purpose(), Part: x.q.part(), BeganAt: state.MicrosOf(x.began), EndedAt: state.MicrosOf(clock.Wall.Now()),
			Points: int64(report.Points), Packs: int64(report.Packs), Bytes: int64(report.Bytes), Skipped: int64(len(report.Skipped)), Damage: damage,
		})
	})
}

// spoil notes the packs in which something is damaged, also those that were read and good before, and in which following the recovery
// points came upon it: the scrub is to read the rest of them soon.
func (x *verification) spoil(ctx context.Context, tx *state.Tx) error {
	for _, d := range x.damaged {
		name, is := strings.CutPrefix(d.Object, "packs/")
		domain, pack, _ := strings.Cut(name, "/")
		if !is {
			continue
		}
		if err := tx.SpoilArchivePack(ctx, x.v.ID(), domain, pack); err != nil {
			return err
		}
	}
	return nil
}

// LastVerification is how the last verification of an archive went that followed its recovery points.
type LastVerification struct {
	By      string    `json:"by"`
	Part    string    `json:"part"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Points  int64     `json:"recovery_points"`
	Packs   int64     `json:"packs"`
	Bytes   int64     `json:"bytes_read"`
	Skipped int64     `json:"skipped_domains"`
	Damage  []Damage  `json:"damage,omitempty"`
}

// ArchiveStatus is what is known of the soundness of an archive.
type ArchiveStatus struct {
	Archive string            `json:"archive"`
	Packs   int64             `json:"packs"`   // that were ever read and are still there, as far as is known
	Damaged int64             `json:"damaged"` // of them
	Bytes   int64             `json:"bytes"`
	Oldest  time.Time         `json:"oldest_read,omitzero"` // when the pack was read that was not read for longest
	Newest  time.Time         `json:"newest_read,omitzero"`
	Last    *LastVerification `json:"last,omitempty"`
}

// VerifyStatus is what is known of the soundness of all archives that were ever looked at.
type VerifyStatus []ArchiveStatus

// VerifyStatus tells what was last read of the archives, and what was found.
func (r *Runner) VerifyStatus(ctx context.Context) (VerifyStatus, error) {
	by := map[string]*ArchiveStatus{}
	at := func(id string) *ArchiveStatus {
		if by[id] == nil {
			by[id] = &ArchiveStatus{Archive: id}
		}
		return by[id]
	}
	err := r.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		readings, err := tx.ArchiveReadings(ctx)
		if err != nil {
			return err
		}
		for _, x := range readings {
			s := at(x.Archive)
			s.Packs, s.Damaged, s.Bytes, s.Oldest, s.Newest = x.Packs, x.Damaged, x.Bytes, x.Oldest.Time(), x.Newest.Time()
		}
		last, err := tx.ArchiveVerifications(ctx)
		if err != nil {
			return err
		}
		for _, v := range last {
			l := &LastVerification{
				By: v.By, Part: v.Part, Began: v.BeganAt.Time(), Ended: v.EndedAt.Time(), Points: v.Points, Packs: v.Packs, Bytes: v.Bytes, Skipped: v.Skipped,
			}
			if err := json.Unmarshal(v.Damage, &l.Damage); err != nil {
				return err
			}
			at(v.Archive).Last = l
		}
		return nil
	})
	all := VerifyStatus{}
	for _, s := range by {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b ArchiveStatus) int { return strings.Compare(a.Archive, b.Archive) })
	return all, err
}

// Print writes it as text.
func (s VerifyStatus) Print(w io.Writer) {
	fmt.Fprintln(w, "PACKS\tDAMAGED\tBYTES\tOLDEST READ\tLAST VERIFICATION\tDAMAGE\tARCHIVE")
	for _, a := range s {
		last, damage := "-", "-"
		if l := a.Last; l != nil {
			last, damage = fmt.Sprintf("%s of %s, %s", l.By, l.Part, shortTime(l.Ended)), fmt.Sprint(len(l.Damage))
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\t%s\t%s\n", a.Packs, a.Damaged, a.Bytes, shortTime(a.Oldest), last, damage, a.Archive)
	}
	for _, a := range s {
		if a.Last != nil {
			printDamage(w, "damage", a.Last.Damage)
		}
	}
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// Metrics writes it in the text format of Prometheus.
func (s VerifyStatus) Metrics(w io.Writer) {
	gauge := func(name, help string, value func(ArchiveStatus) (float64, bool)) {
		fmt.Fprintf(w, "# HELP strongroom_archive_%s %s\n# TYPE strongroom_archive_%s gauge\n", name, help, name)
		for _, a := range s {
			if v, known := value(a); known {
				fmt.Fprintf(w, "strongroom_archive_%s{archive=%q} %v\n", name, a.Archive, v)
			}
		}
	}
	gauge("packs_read", "Packs of the archive that were ever read by a verification or the scrub.", func(a ArchiveStatus) (float64, bool) { return float64(a.Packs), true })
	gauge("bytes_read", "Bytes of these packs.", func(a ArchiveStatus) (float64, bool) { return float64(a.Bytes), true })
	gauge("packs_damaged", "Packs of the archive in which something was damaged when they were last read.", func(a ArchiveStatus) (float64, bool) { return float64(a.Damaged), true })
	gauge("oldest_read_timestamp_seconds", "When the pack was read that was not read for longest.", func(a ArchiveStatus) (float64, bool) {
		return float64(a.Oldest.Unix()), !a.Oldest.IsZero()
	})
	gauge("verified_timestamp_seconds", "When the recovery points of the archive were last followed.", func(a ArchiveStatus) (float64, bool) {
		if a.Last == nil {
			return 0, false
		}
		return float64(a.Last.Ended.Unix()), true
	})
	gauge("damages", "What was found damaged then, and not mended.", func(a ArchiveStatus) (float64, bool) {
		if a.Last == nil {
			return 0, false
		}
		return float64(len(a.Last.Damage)), true
	})
}
