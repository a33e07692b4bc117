package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gocloud.dev/secrets"

	"strongroom/internal/archives"
	"strongroom/internal/catalogue"
	"strongroom/internal/state"
	"strongroom/internal/work"
)

// regionStores tells where Regions store that do not store below the data directory.
func (c *Config) regionStores() map[string]string {
	stores := map[string]string{}
	for region, r := range c.Regions {
		stores[region] = r.Store
	}
	return stores
}

// homeRegion is the Region whose store has what of the catalogue belongs to no Region.
func (c *Config) homeRegion() string { return c.Accounts[0].Region }

// knownRegions are the Regions that may have a store with something in it.
func (c *Config) knownRegions() ([]string, error) {
	known := []string{c.homeRegion()}
	for region := range c.Regions {
		known = append(known, region)
	}
	folders, err := os.ReadDir(filepath.Join(c.DataDir, "regions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(c.DataDir, "regions", folder.Name(), "archive")); err == nil {
			known = append(known, folder.Name())
		}
	}
	slices.Sort(known)
	return slices.Compact(known), nil
}

// keepCatalogue begins to keep the catalogue in the Regions' stores. It refuses to work on a state that is new where the store of
// one that was lost is: its recovery points would never be found again.
func (s *Server) keepCatalogue(ctx context.Context, all *archives.Archives, keeper *secrets.Keeper) error {
	id, err := catalogue.StateID(ctx, s.db, s.config.homeRegion())
	if err != nil {
		return fmt.Errorf("keeping the catalogue: %w", err)
	}
	regions, err := s.config.knownRegions()
	if err != nil {
		return fmt.Errorf("keeping the catalogue: %w", err)
	}
	begun, err := s.hasCatalogue(ctx)
	if err != nil {
		return fmt.Errorf("keeping the catalogue: %w", err)
	}
	for _, region := range regions {
		elsewhere := s.config.Regions[region].Store != "" // and perhaps not to be reached now; the mirror looks when it writes there
		if elsewhere && begun {
			continue
		}
		err := foreign(ctx, all, region, keeper, id)
		if elsewhere && err != nil && !errors.Is(err, catalogue.ErrForeign) && !errors.Is(err, catalogue.ErrDamaged) {
			if err := s.refuseStrange(ctx, err); err != nil {
				return fmt.Errorf("keeping the catalogue in the store of %s: %w", region, err)
			}
			s.log.WarnContext(ctx, "whether the store holds the catalogue of another state is not known", slog.String("region", region), slog.String("error", err.Error()))
			continue
		}
		if errors.Is(err, catalogue.ErrDamaged) && begun {
			s.log.ErrorContext(ctx, "the catalogue beside the data is damaged; strongroom admin verify --repair makes it anew", slog.String("region", region), slog.String("error", err.Error()))
			continue // the database is there, and is what counts
		}
		if err != nil {
			return fmt.Errorf("keeping the catalogue in the store of %s: %w", region, err)
		}
	}
	mirror := catalogue.New(catalogue.Config{
		DB: s.db, Root: keeper, Stores: all.Store, Home: s.config.homeRegion(), StateID: id, Log: s.log,
	})
	if err := mirror.Start(ctx); err != nil {
		return err
	}
	s.onClose("the catalogue", mirror.Stop)
	s.mirror = mirror
	return nil
}

// foreignWithin is for how long a new state waits for a store that is elsewhere.
const foreignWithin = 15 * time.Second

// foreign fails if the store of a Region holds the catalogue of another state, or cannot tell.
func foreign(ctx context.Context, all *archives.Archives, region string, keeper *secrets.Keeper, id string) error {
	ctx, cancel := context.WithTimeout(ctx, foreignWithin)
	defer cancel()
	store, err := all.Store(ctx, region)
	if err != nil {
		return err
	}
	return catalogue.Foreign(ctx, store, keeper, id)
}

// refuseStrange refuses a state that was made just now where a store does not tell whose it is, why, and the data directory has contents of
// resources: they are of a state that is away, and this one would remove what it does not know.
func (s *Server) refuseStrange(ctx context.Context, why error) error {
	made := false
	err := s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		accounts, err := tx.Accounts(ctx)
		made = len(accounts) == 0
		return err
	})
	if err != nil || !made {
		return err
	}
	return filepath.WalkDir(s.regions(), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.Type().IsRegular():
			return fmt.Errorf("the state was made just now, and %s is there, which may be another's; that cannot be told as long as the store does not answer: %w", path, why)
		}
		return nil
	})
}

// hasCatalogue reports whether the state has stored any of its catalogue: then it is not new.
func (s *Server) hasCatalogue(ctx context.Context) (has bool, err error) {
	err = s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		has, err = tx.HasCatalogue(ctx)
		return err
	})
	return has, err
}

// checkCatalogue holds the catalogue in the Regions' stores against the state.
func (s *Server) checkCatalogue(ctx context.Context, mend bool) (sum work.CheckedCatalogue, err error) {
	all, err := s.mirror.Check(ctx, mend)
	for _, c := range all {
		for _, d := range c.Damage {
			sum.Damage = append(sum.Damage, work.Damage{What: "document", Object: c.Region + ":" + d.Object, Reason: d.Reason})
		}
		for _, d := range c.Healed {
			sum.Healed = append(sum.Healed, work.Healed{What: "document", Object: c.Region + ":" + d.Object})
		}
	}
	return sum, err
}

// resumePolicies has the policies followed of organizations whose last change was not, or whose effective policies are to be
// evaluated anew because the state was rebuilt.
func (s *Server) resumePolicies(ctx context.Context, enqueue func(context.Context, *state.Tx, string) error) error {
	return s.db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		organizations, err := tx.UnfollowedOrganizations(ctx)
		if err != nil {
			return err
		}
		for _, id := range organizations {
			if err := enqueue(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}
