package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/state"
	"strongroom/rules"
)

// VerifyRequest says what a verification goes through.
type VerifyRequest struct {
	Vault  string         `json:"vault,omitempty"` // the vault's ARN or name; all archives if empty
	Subset archive.Subset `json:"subset,omitzero"` // of the packs
	// Since leaves out the packs that were read, and found good, within this time.
	Since time.Duration `json:"since_ns,omitempty"`
	// Repair mends what can be mended.
	Repair bool `json:"repair,omitempty"`

	by       string // what it is for, as its state shows it; "" is whatever Repair says
	pace     func(context.Context, int) error
	dataOnly func(archiveID string) bool
}

// names tells whether an archive is to be gone through.
func (q VerifyRequest) names(archiveID string) bool {
	return q.Vault == "" || archiveID == q.Vault || strings.HasSuffix(archiveID, ":backup-vault:"+q.Vault)
}

// whole tells whether nothing is left out.
func (q VerifyRequest) whole() bool { return q.Subset.Of <= 1 && q.Since == 0 }

// part says in words which packs are read.
func (q VerifyRequest) part() string {
	var words []string
	if q.Subset.Of > 1 {
		words = append(words, fmt.Sprintf("%d/%d", q.Subset.Part, q.Subset.Of))
	}
	if q.Since > 0 {
		words = append(words, "not read for "+q.Since.String())
	}
	if len(words) == 0 {
		return "all"
	}
	return strings.Join(words, ", ")
}

func (q VerifyRequest) purpose() string {
	switch {
	case q.by != "":
		return q.by
	case q.Repair:
		return "repair"
	}
	return "verify"
}

// Damage is something that is not what it must be.
type Damage struct {
	Archive string   `json:"archive"`
	Object  string   `json:"object,omitempty"`
	What    string   `json:"what"`
	Reason  string   `json:"reason"`
	Points  []string `json:"recovery_points,omitempty"` // ARNs
}

// Healed is something that was damaged and is well again.
type Healed struct {
	Archive string `json:"archive"`
	Object  string `json:"object,omitempty"`
	What    string `json:"what"`
	From    string `json:"from"` // the archive where it was found well
}

// Report is what a verification of archives found. What a repair mended is no longer among the damage.
type Report struct {
	Archives int            `json:"archives"`
	Points   int            `json:"recovery_points"`
	Packs    int            `json:"packs"` // that were read
	Bytes    uint64         `json:"bytes_read"`
	Damage   []Damage       `json:"damage,omitempty"`
	Healed   []Healed       `json:"healed,omitempty"`
	Failed   []Damage       `json:"not_healed,omitempty"` // what a repair tried in vain, and why
	Unknown  []string       `json:"unknown,omitempty"`    // recovery points of archives that the catalogue does not know
	Skipped  []SkippedVault `json:"skipped,omitempty"`
}

// Damaged reports whether anything is damaged or missing. What a key keeps closed is not.
func (r Report) Damaged() bool { return len(r.Damage) > 0 }

// Unread counts the archives that could not be gone through.
func (r Report) Unread() int { return unread(r.Skipped) }

// Print writes it as text.
func (r Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d archives, %d recovery points, %d packs, %d bytes read\n", r.Archives, r.Points, r.Packs, r.Bytes)
	for _, h := range r.Healed {
		fmt.Fprintf(w, "healed in %s: %s %s, from %s\n", h.Archive, h.What, h.Object, h.From)
	}
	printDamage(w, "not healed", r.Failed)
	printDamage(w, "damage", r.Damage)
	for _, p := range r.Unknown {
		fmt.Fprintf(w, "not in the catalogue: %s\n", p)
	}
	printSkipped(w, r.Skipped)
	switch {
	case r.Damaged():
		fmt.Fprintf(w, "%d damages were found\n", len(r.Damage))
	case len(r.Skipped) > 0:
		fmt.Fprintf(w, "all that could be read is well; %d archives and %d sealing domains of others could not be read\n", r.Unread(), len(r.Skipped)-r.Unread())
	default:
		fmt.Fprintln(w, "all is well")
	}
}

func printDamage(w io.Writer, title string, all []Damage) {
	for _, d := range all {
		fmt.Fprintf(w, "%s in %s: %s %s: %s\n", title, d.Archive, d.What, d.Object, d.Reason)
		for _, p := range d.Points {
			fmt.Fprintf(w, "  touches %s\n", p)
		}
	}
}

// Verify reads and authenticates what lies in the archives, holds the catalogue against it, and mends what is damaged if it is
// to. One goes at a time, and the scrub gives way to it.
func (r *Runner) Verify(ctx context.Context, q VerifyRequest) (Report, error) {
	done, err := r.readings.ask(ctx)
	if err != nil {
		return Report{}, err
	}
	defer done()
	return r.verifyAll(ctx, q)
}

func (r *Runner) verifyAll(ctx context.Context, q VerifyRequest) (Report, error) {
	var sum Report
	failed, err := r.eachArchive(ctx, func(ctx context.Context, l state.ArchiveLocation, v *archive.Vault, rings archive.Rings) error {
		if !q.names(v.ID()) {
			return nil
		}
		x := &verification{Runner: r, q: q, v: v, l: l, rings: rings, began: clock.Wall.Now(), sum: &sum}
		return x.run(ctx)
	})
	for _, f := range failed {
		if q.names(f.Archive) {
			sum.Skipped = append(sum.Skipped, f)
		}
	}
	if err == nil {
		err = r.verifyCatalogue(ctx, q, &sum)
	}
	if err == nil && sum.Archives+len(sum.Skipped) == 0 && q.Vault != "" {
		err = fmt.Errorf("there is no vault %s", q.Vault)
	}
	return sum, err
}

// A verification goes through one archive.
type verification struct {
	*Runner
	q     VerifyRequest
	v     *archive.Vault
	l     state.ArchiveLocation
	rings archive.Rings
	began time.Time
	sum   *Report

	named   []state.RecoveryPoint // of the catalogue
	arns    map[string]string     // by domain/point of the archive
	packs   *packLog
	damaged []Damage
}

func (x *verification) run(ctx context.Context) (err error) {
	// The catalogue first: what it names then was committed in the archive before.
	if x.named, err = x.points(ctx); err != nil {
		return err
	}
	x.packs = &packLog{Runner: x.Runner, archive: x.v.ID(), seen: map[string]bool{}}
	opts, err := x.options(ctx)
	if err != nil {
		return err
	}
	x.sum.Archives++
	var report *archive.Report
	if x.q.Repair {
		report, err = x.repair(ctx, opts)
	} else if report, err = x.v.Verify(ctx, x.rings, opts); err == nil {
		x.arns = x.names(report)
	}
	if err = errors.Join(err, x.packs.flush(ctx)); err != nil {
		return err
	}
	return x.conclude(ctx, report, opts)
}

// points gives the recovery points that the catalogue names.
func (x *verification) points(ctx context.Context) ([]state.RecoveryPoint, error) {
	return view(ctx, x.Runner, func(ctx context.Context, tx *state.Tx) ([]state.RecoveryPoint, error) {
		return tx.PointsInArchive(ctx, x.v.ID(), "")
	})
}

func (x *verification) options(ctx context.Context) (archive.VerifyOptions, error) {
	recent := map[string]bool{}
	if x.q.Since > 0 {
		read, err := view(ctx, x.Runner, func(ctx context.Context, tx *state.Tx) ([]state.ArchivePack, error) {
			return tx.ArchivePacksReadSince(ctx, x.v.ID(), state.MicrosOf(x.began.Add(-x.q.Since)))
		})
		if err != nil {
			return archive.VerifyOptions{}, err
		}
		for _, p := range read {
			recent[p.Domain+"/"+p.Pack] = !p.ReadAt.Time().After(x.began) // or a clock was wrong
		}
	}
	return archive.VerifyOptions{
		Select: func(domain, pack string) bool {
			x.packs.saw(domain, pack)
			return x.q.Subset.Has(pack) && !recent[domain+"/"+pack]
		},
		Pack:     func(p archive.PackRead) error { return x.packs.read(ctx, p) },
		Pace:     x.q.pace,
		DataOnly: x.q.dataOnly != nil && x.q.dataOnly(x.v.ID()),
	}, nil
}

// names says by which names an archive knows the catalogue's recovery points.
func (x *verification) names(*archive.Report) map[string]string {
	arns := map[string]string{}
	for _, p := range x.named {
		arns[x.name(p)] = p.ARN
	}
	return arns
}

func (x *verification) name(p state.RecoveryPoint) string {
	return archive.DomainID(x.v.ID(), p.ArchiveKeyARN) + "/" + p.ArchivePointID
}

// conclude takes what was found into the report and into the state.
func (x *verification) conclude(ctx context.Context, report *archive.Report, opts archive.VerifyOptions) error {
	x.sum.Points += report.Points
	x.sum.Packs += report.Packs
	x.sum.Bytes += report.Bytes
	x.sum.Skipped = append(x.sum.Skipped, skipped(x.v, report.Skipped)...)
	for _, d := range report.Damage {
		x.damaged = append(x.damaged, x.damage(d))
	}
	if err := x.missing(ctx, report); err != nil {
		return err
	}
	x.sum.Damage = append(x.sum.Damage, x.damaged...)
	for _, d := range x.damaged {
		x.Log.ErrorContext(ctx, "an archive is damaged", slog.String("archive", d.Archive), slog.String("object", d.Object),
			slog.String("what", d.What), slog.String("reason", d.Reason), slog.Any("recovery_points", d.Points))
	}
	if err := x.tellPoints(ctx, report, opts); err != nil {
		return err
	}
	return x.keep(ctx, report, opts)
}

func (x *verification) damage(d archive.Damage) Damage {
	damage := Damage{Archive: x.v.ID(), Object: d.Object, What: d.What, Reason: d.Err.Error()}
	for _, p := range d.Points {
		if arn := x.arns[p]; arn != "" {
			p = arn
		}
		damage.Points = append(damage.Points, p)
	}
	slices.Sort(damage.Points)
	return damage
}

// missing compares the catalogue with the archive.
func (x *verification) missing(ctx context.Context, report *archive.Report) error {
	there := map[string]bool{}
	for _, name := range report.There {
		there[name] = true
		if x.arns[name] == "" && x.l.Vault != "" {
			if err := x.unknown(ctx, name); err != nil {
				return err
			}
		}
	}
	for _, p := range x.named {
		if there[x.name(p)] {
			continue
		}
		gone, err := x.goneSince(ctx, p)
		if err != nil {
			return err
		}
		if !gone {
			x.damaged = append(x.damaged, Damage{Archive: x.v.ID(), What: "recovery point", Object: x.name(p), Reason: "it is in the catalogue and not in the archive", Points: []string{p.ARN}})
		}
	}
	return nil
}

// unknownAfter is how long a recovery point may lie in an archive before the catalogue names it: jobs commit there first.
const unknownAfter = 24 * time.Hour

// unknown notes a recovery point of the archive that the catalogue has never heard of.
func (x *verification) unknown(ctx context.Context, name string) error {
	domain, point, _ := strings.Cut(name, "/")
	created, err := x.v.PointCreated(ctx, domain, point)
	if err != nil || clock.Wall.Now().Sub(created) < unknownAfter {
		return nil //nolint:nilerr // a manifest that cannot be read is reported as damage
	}
	known, err := view(ctx, x.Runner, func(ctx context.Context, tx *state.Tx) (int, error) {
		return tx.CountPointsInArchive(ctx, x.v.ID(), point)
	})
	if err == nil && known == 0 {
		x.sum.Unknown = append(x.sum.Unknown, x.v.ID()+" "+name)
	}
	return err
}

// goneSince reports whether a recovery point was deleted while the archives were read.
func (r *Runner) goneSince(ctx context.Context, p state.RecoveryPoint) (bool, error) {
	now, err := view(ctx, r, func(ctx context.Context, tx *state.Tx) (state.RecoveryPoint, error) {
		return tx.RecoveryPoint(ctx, p.ARN)
	})
	if errors.Is(err, state.ErrNotFound) {
		return true, nil
	}
	return now.Status == state.PointDeleting, err
}

// tellPoints says at recovery points that they are damaged, and at those that are well again that they are. Who may want to
// know is told in the same transaction.
func (x *verification) tellPoints(ctx context.Context, report *archive.Report, opts archive.VerifyOptions) error {
	bad := map[string]bool{}
	for _, d := range x.damaged {
		for _, p := range d.Points {
			bad[p] = true
		}
	}
	// What was not read again may be as damaged as it was.
	whole := x.q.whole() && !opts.DataOnly && len(report.Skipped) == 0
	for _, p := range x.named {
		var from, to string
		switch {
		case bad[p.ARN]:
			to = rules.DamagedPoint
		case whole && p.StatusMessage == rules.DamagedPoint:
			from = rules.DamagedPoint
		default:
			continue
		}
		if err := x.tellPoint(ctx, p, from, to); err != nil {
			return err
		}
	}
	return nil
}

func (x *verification) tellPoint(ctx context.Context, p state.RecoveryPoint, from, to string) error {
	return x.update(ctx, func(ctx context.Context, tx *state.Tx) error {
		changed, err := tx.SetPointMessage(ctx, p.ARN, from, to)
		if err != nil || !changed {
			return err
		}
		what := "is damaged"
		if p.StatusMessage = to; to == "" {
			what = "is no longer damaged"
		}
		if err := x.PutEvent.RecoveryPoint(ctx, tx, p); err != nil {
			return err
		}
		return x.tell(ctx, tx, ofPoint(p, what))
	})
}
