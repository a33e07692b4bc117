package catalogue

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/internal/state"
)

// The settings that tell which state this is, and which Region's store has what belongs to no Region.
const (
	stateSetting = "catalogue.state"
	homeSetting  = "catalogue.home"
)

// StateID tells which state a database is, from its first start on, and notes where what belongs to no Region is stored.
func StateID(ctx context.Context, db *state.DB, home string) (id string, err error) {
	var fresh [16]byte
	_, _ = rand.Read(fresh[:]) // never fails, says crypto/rand
	err = db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		known, err := tx.Setting(ctx, stateSetting)
		id = string(known)
		if errors.Is(err, state.ErrNotFound) {
			id = hex.EncodeToString(fresh[:])
			err = tx.PutSetting(ctx, stateSetting, []byte(id))
		}
		if err != nil {
			return err
		}
		was, err := tx.Setting(ctx, homeSetting)
		switch {
		case err == nil && string(was) == home:
			return nil
		case err == nil:
			err = tx.CatalogueHome(ctx)
		case errors.Is(err, state.ErrNotFound):
			err = nil
		}
		if err != nil {
			return err
		}
		return tx.PutSetting(ctx, homeSetting, []byte(home))
	})
	return id, err
}

// Foreign fails if a store holds the catalogue of another state.
func Foreign(ctx context.Context, store archive.Store, root *secrets.Keeper, stateID string) error {
	r, err := openRegion(ctx, store, root)
	switch {
	case errors.Is(err, archive.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("opening the catalogue: %w", err)
	case r.state != stateID:
		return ErrForeign
	}
	return nil
}
