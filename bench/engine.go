package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"

	"strongroom/archive"
	"strongroom/archive/s3store"
)

// engineVerbs are what the engine can do.
var engineVerbs = map[string]func(context.Context, *flags) (any, error){
	"backup": engineBackup, "copy": engineCopy, "restore": engineRestore, "verify": engineVerify, "remove": engineRemove,
	"many": engineMany,
}

// engine is one run of the archive. What it did it prints as JSON.
func engine(ctx context.Context, args []string) (err error) {
	if len(args) == 0 || engineVerbs[args[0]] == nil {
		return errors.New("engine takes one of the verbs backup, copy, restore, verify, remove and many")
	}
	f, err := parseFlags(args)
	if err != nil {
		return err
	}
	stop, err := f.profile()
	if err != nil {
		return err
	}
	did, err := engineVerbs[args[0]](ctx, f)
	if err = errors.Join(err, stop()); err != nil {
		return fmt.Errorf("engine %s: %w", args[0], err)
	}
	return json.NewEncoder(os.Stdout).Encode(did)
}

// flags are those of all verbs.
type flags struct {
	vault, key        string // the directory of the vault and the file of its key
	point, parent     string // recovery points
	objects, volume   string // what is backed up: a directory or a file
	changed           string // a file that lists what of the volume changed, or none
	reread            bool   // whether backup reads what the parent seems to have unchanged
	to                string // the directory a restore writes into
	toVault, toKey    string // the vault a copy goes to
	keep              string // the recovery point that remove leaves
	count             int    // of objects that many writes
	cpuProfile, heaps string // files to write profiles into
}

func parseFlags(args []string) (*flags, error) {
	var f flags
	set := flag.NewFlagSet("bench engine "+args[0], flag.ContinueOnError)
	set.StringVar(&f.vault, "vault", "", "`directory` of the vault, or the URL of a bucket")
	set.StringVar(&f.key, "key", "", "`file` with the key of the vault")
	set.StringVar(&f.point, "point", "", "`id` of the recovery point to write, copy or restore")
	set.StringVar(&f.parent, "parent", "", "`id` of the recovery point that backup or copy build on")
	set.StringVar(&f.objects, "objects", "", "`directory` whose files backup takes")
	set.StringVar(&f.volume, "volume", "", "`file` that backup takes as a volume")
	set.StringVar(&f.changed, "changed", "", "`file` that lists what changed since the parent: offset and length in bytes, a stretch a line; without it all is read")
	set.BoolVar(&f.reread, "reread", false, "read every file, also one that size and time of modification say is the parent's")
	set.StringVar(&f.to, "to", "", "`directory` that restore writes into")
	set.StringVar(&f.keep, "keep", "", "`id` of the recovery point that remove leaves")
	set.StringVar(&f.toVault, "to-vault", "", "`directory` of the vault that copy writes into")
	set.StringVar(&f.toKey, "to-key", "", "`file` with the key of that vault")
	set.IntVar(&f.count, "count", 0, "how `many` objects there are")
	set.StringVar(&f.cpuProfile, "cpuprofile", "", "`file` to write a CPU profile into")
	set.StringVar(&f.heaps, "memprofile", "", "`file` to write a profile of all allocations into")
	return &f, set.Parse(args[1:])
}

// profile begins what the flags ask for; stop ends it.
func (f *flags) profile() (stop func() error, err error) {
	var cpu *os.File
	if f.cpuProfile != "" {
		if cpu, err = os.Create(f.cpuProfile); err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, err
		}
	}
	return func() error {
		var errs error
		if cpu != nil {
			pprof.StopCPUProfile()
			errs = cpu.Close()
		}
		if f.heaps != "" {
			errs = errors.Join(errs, writeHeaps(f.heaps))
		}
		return errs
	}, nil
}

// writeHeaps writes the profile of all allocations.
func writeHeaps(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	runtime.GC() // brings the profile up to date
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}

// vaultID is the name of every vault here; which is which tells the key.
const vaultID = "arn:aws:backup:eu-central-1:111111111111:backup-vault:bench"

// openStore opens a directory, or a bucket if it is given a URL.
func openStore(ctx context.Context, place string) (archive.Store, error) {
	if !strings.Contains(place, "://") {
		return archive.NewDir(place)
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	store, err := s3store.Open(ctx, u)
	if err != nil {
		return nil, err
	}
	return archive.NewReadAhead(store, 0), nil
}

func openVault(ctx context.Context, dir, key string) (*archive.Domain, *keyring, error) {
	ring, err := readKey(key)
	if err != nil {
		return nil, nil, err
	}
	store, err := openStore(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	d, err := archive.OpenVault(store, vaultID, archive.Options{}).Domain(ctx, ring.id, ring)
	return d, ring, err
}

func engineCopy(ctx context.Context, f *flags) (any, error) {
	from, _, err := openVault(ctx, f.vault, f.key)
	if err != nil {
		return nil, err
	}
	to, _, err := openVault(ctx, f.toVault, f.toKey)
	if err != nil {
		return nil, err
	}
	point, err := from.Open(ctx, f.point)
	if err != nil {
		return nil, err
	}
	return archive.Copy(ctx, to, point, archive.CopyOptions{Point: f.point, Parent: f.parent})
}

func engineVerify(ctx context.Context, f *flags) (any, error) {
	d, ring, err := openVault(ctx, f.vault, f.key)
	if err != nil {
		return nil, err
	}
	rings := func(context.Context, archive.DomainInfo) (archive.Keyring, error) { return ring, nil }
	report, err := d.Vault().Verify(ctx, rings, archive.VerifyOptions{})
	if err == nil && !report.Clean() {
		err = fmt.Errorf("the vault is damaged: %+v", report)
	}
	return report, err
}
