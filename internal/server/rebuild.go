package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/clock"
	"strongroom/internal/archives"
	"strongroom/internal/catalogue"
	"strongroom/internal/state"
)

// RebuildOptions say how the state is rebuilt.
type RebuildOptions struct {
	// Beside makes state.db.rebuilt, and leaves a state.db that is there alone.
	Beside bool
}

// RebuildReport says what was found in the stores, and what of it came back.
type RebuildReport struct {
	File    string            `json:"file"`
	Regions []RebuiltRegion   `json:"regions"`
	Rebuilt catalogue.Rebuilt `json:"rebuilt"`
	Vaults  []RebuiltVault    `json:"vaults"`
	// Lost are the documents that are there and could not be read.
	Lost []catalogue.Damage `json:"lost,omitempty"`
}

// RebuiltRegion is a Region whose store was looked at.
type RebuiltRegion struct {
	Name      string `json:"name"`
	Documents int    `json:"documents"`
	Problem   string `json:"problem,omitempty"` // why its store could not be read
}

// RebuiltVault is a backup vault, and whether its recovery points can be restored.
type RebuiltVault struct {
	ARN        string            `json:"arn"`
	Points     int               `json:"recovery_points"` // of the catalogue
	Unreadable []UnreadablePoint `json:"unreadable,omitempty"`
	// Unknown are recovery points that lie in the archive and that the catalogue does not know: of jobs that had not ended.
	Unknown []string `json:"unknown,omitempty"`
	Problem string   `json:"problem,omitempty"` // why the archive could not be looked into
}

// UnreadablePoint is a recovery point that cannot be restored.
type UnreadablePoint struct {
	ARN    string `json:"arn"`
	Reason string `json:"reason"`
}

// Whole reports whether nothing of the catalogue is missing. Points whose key was deleted are as they were before.
func (r *RebuildReport) Whole() bool {
	whole := len(r.Lost) == 0 && len(r.Rebuilt.Refused) == 0
	for _, region := range r.Regions {
		whole = whole && region.Problem == ""
	}
	return whole
}

const (
	stateFile    = "state.db"
	besideFile   = "state.db.rebuilt"
	unfinishedDB = "state.db.rebuilding"
)

// Rebuild makes the state of a data directory anew of what lies in the stores of the Regions and the root key. No server may
// run on the directory. The state appears in one step at the end: if it is interrupted, it can be begun again.
func Rebuild(ctx context.Context, config Config, o RebuildOptions) (report *RebuildReport, err error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	dir := config.DataDir
	if _, err := os.Stat(filepath.Join(dir, "root.key")); err != nil {
		return nil, fmt.Errorf("without root.key nothing in the stores can be opened; put it back into %s: %w", dir, err)
	}
	lock, err := lockData(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close() //nolint:errcheck // it goes with the process
	report = &RebuildReport{File: filepath.Join(dir, stateFile)}
	if o.Beside {
		report.File = filepath.Join(dir, besideFile)
	}
	if _, err := os.Stat(report.File); err == nil {
		return nil, fmt.Errorf("%s is there: only a state that is lost is rebuilt (move it away, or use --force to make %s beside it)", report.File, besideFile)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	root, err := openRootKey(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it holds memory only
	all := archives.New(archives.Config{Dir: filepath.Join(dir, "regions"), Stores: config.regionStores(), Keeper: root})
	defer all.Close() //nolint:errcheck // everything was read

	documents, err := report.read(ctx, config, all, root)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, unfinishedDB)
	if err := removeState(path); err != nil { // of one that was interrupted
		return nil, err
	}
	db, err := state.Open(ctx, path, clock.Wall)
	if err != nil {
		return nil, err
	}
	report.Rebuilt, err = catalogue.Rebuild(ctx, db, documents)
	if err == nil {
		err = report.look(ctx, db, all)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return report, placeState(path, report.File)
}

// read reads the documents of all Regions.
func (r *RebuildReport) read(ctx context.Context, config Config, all *archives.Archives, root *secrets.Keeper) (documents []catalogue.Document, err error) {
	regions, err := config.knownRegions()
	if err != nil {
		return nil, err
	}
	newest, stateID := map[string]catalogue.Document{}, ""
	for _, name := range regions {
		region := RebuiltRegion{Name: name}
		store, err := all.Store(ctx, name)
		var found catalogue.Found
		if err == nil {
			found, err = catalogue.Read(ctx, store, root)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, archive.ErrNotExist):
			continue // nothing was ever stored there
		case err != nil:
			region.Problem = err.Error()
		case stateID != "" && found.StateID != stateID:
			region.Problem = "it holds the catalogue of another state than " + r.Regions[0].Name
		default:
			stateID, region.Documents = found.StateID, len(found.Documents)
		}
		r.Regions = append(r.Regions, region)
		if region.Problem != "" {
			continue
		}
		r.Lost = append(r.Lost, found.Damaged...)
		for _, d := range found.Documents { // the home may have been another Region before
			if old, has := newest[d.Section+d.Key]; !has || old.Seq < d.Seq {
				newest[d.Section+d.Key] = d
			}
		}
	}
	if stateID == "" {
		return nil, fmt.Errorf("no catalogue is in the stores of %v; if Regions store elsewhere, name the configuration with --config%s", regions, r.problems())
	}
	documents = slices.Collect(maps.Values(newest))
	slices.SortFunc(documents, func(a, b catalogue.Document) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(a.Key, b.Key))
	})
	return documents, nil
}

func (r *RebuildReport) problems() (text string) {
	for _, region := range r.Regions {
		if region.Problem != "" {
			text += "; " + region.Name + ": " + region.Problem
		}
	}
	return text
}

// look compares the recovery points of the catalogue with the archives.
func (r *RebuildReport) look(ctx context.Context, db *state.DB, all *archives.Archives) error {
	var vaults []state.BackupVault
	points := map[string][]state.RecoveryPoint{}
	keys := map[string]state.Key{}
	err := db.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if vaults, err = tx.BackupVaults(ctx, "", ""); err != nil {
			return err
		}
		rows, err := tx.RecoveryPoints(ctx, state.PointFilter{}, state.Cursor{}, 0)
		if err != nil {
			return err
		}
		for _, p := range rows {
			points[p.VaultARN] = append(points[p.VaultARN], p)
		}
		return r.keys(ctx, tx, rows, keys)
	})
	if err != nil {
		return err
	}
	for _, v := range vaults {
		found := RebuiltVault{ARN: v.ARN, Points: len(points[v.ARN])}
		if err := found.look(ctx, all, v, points[v.ARN], keys); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			found.Problem = err.Error()
		}
		r.Vaults = append(r.Vaults, found)
	}
	return nil
}

// keys reads the keys that recovery points are sealed under, those that are there.
func (r *RebuildReport) keys(ctx context.Context, tx *state.Tx, points []state.RecoveryPoint, keys map[string]state.Key) error {
	for _, p := range points {
		if _, known := keys[p.ArchiveKeyARN]; known || p.ArchiveKeyARN == "" {
			continue
		}
		at, err := arn.Parse(p.ArchiveKeyARN)
		if err != nil {
			return fmt.Errorf("recovery point %s: %w", p.ARN, err)
		}
		_, id := at.Split()
		key, err := tx.Key(ctx, at.Region, id)
		if errors.Is(err, state.ErrNotFound) {
			key = state.Key{}
		} else if err != nil {
			return err
		}
		keys[p.ArchiveKeyARN] = key
	}
	return nil
}

// look compares a vault's recovery points with its archive.
func (f *RebuiltVault) look(ctx context.Context, all *archives.Archives, v state.BackupVault, points []state.RecoveryPoint, keys map[string]state.Key) error {
	vault, err := all.Vault(ctx, archives.Location{Region: v.Region, AccountID: v.AccountID, Vault: v.Name})
	if err != nil {
		return err
	}
	domains, err := vault.Domains(ctx)
	if err != nil {
		return err
	}
	keyOf := map[string]string{}
	for _, d := range domains {
		keyOf[d.ID] = d.KeyID
	}
	lying, err := vault.Points(ctx)
	if err != nil {
		return err
	}
	type place struct{ key, point string }
	there := map[place]bool{}
	for _, p := range lying {
		there[place{keyOf[p.Domain], p.ID}] = true
	}
	for _, p := range points {
		at := place{p.ArchiveKeyARN, p.ArchivePointID}
		switch key := keys[p.ArchiveKeyARN]; {
		case p.ArchivePointID == "":
		case !there[at]:
			f.Unreadable = append(f.Unreadable, UnreadablePoint{p.ARN, "it is not in the archive"})
		case p.ArchiveKeyARN != "" && key.ID == "":
			f.Unreadable = append(f.Unreadable, UnreadablePoint{p.ARN, "its key " + p.ArchiveKeyARN + " was deleted"})
		case p.ArchiveKeyARN != "" && key.State != "Enabled":
			f.Unreadable = append(f.Unreadable, UnreadablePoint{p.ARN, "its key " + p.ArchiveKeyARN + " is " + key.State})
		}
		delete(there, at)
	}
	for p := range there {
		f.Unknown = append(f.Unknown, p.point)
	}
	slices.Sort(f.Unknown)
	return nil
}

// removeState removes a database with the files beside it.
func removeState(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// placeState brings a database that is closed to its place, in one step and durably. What lies beside the place belongs to
// a database that has gone.
func placeState(from, to string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(to + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // opened for reading
	return folder.Sync()
}

// Print writes the report as text.
func (r *RebuildReport) Print(w io.Writer) {
	for _, region := range r.Regions {
		if region.Problem != "" {
			fmt.Fprintf(w, "%s: not read: %s\n", region.Name, region.Problem)
			continue
		}
		fmt.Fprintf(w, "%s: %d documents\n", region.Name, region.Documents)
	}
	for _, section := range state.CatalogueSections {
		if n := r.Rebuilt.Documents[section.Kind]; n > 0 {
			fmt.Fprintf(w, "  %s\t%d\n", section.Kind, n)
		}
	}
	for _, d := range slices.Concat(r.Lost, r.Rebuilt.Refused) {
		fmt.Fprintf(w, "lost: %s: %s\n", d.Object, d.Reason)
	}
	for _, v := range r.Vaults {
		fmt.Fprintf(w, "%s: %d recovery points, %d of them unreadable\n", v.ARN, v.Points, len(v.Unreadable))
		if v.Problem != "" {
			fmt.Fprintf(w, "  the archive could not be looked into: %s\n", v.Problem)
		}
		for _, p := range v.Unreadable {
			fmt.Fprintf(w, "  unreadable: %s: %s\n", p.ARN, p.Reason)
		}
		for _, p := range v.Unknown {
			fmt.Fprintf(w, "  in the archive alone, of a job that had not ended: %s\n", p)
		}
	}
	fmt.Fprintf(w, "written: %s\n", r.File)
	fmt.Fprintln(w, "Not kept outside the database, and so not rebuilt: jobs and records of events; buckets with their objects, volumes, databases, queues, functions and trails; messages on their way.")
}
