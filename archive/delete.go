package archive

import (
	"context"
	"errors"
	"fmt"
)

// Delete removes a recovery point of the domain named. If there is none the error wraps [ErrNoPoint]. Its key is not
// needed, nor is its header: also what cannot be opened any more can be deleted. What only it reached goes with later collections;
// until then the manifest lies in the trash, so that writers which took it for parent find all that it reached.
func (v *Vault) Delete(ctx context.Context, domain, point string) error {
	id, err := parseObjectID(domain)
	if err != nil {
		return fmt.Errorf("deleting %s: %w", point, err)
	}
	if err := checkPointID(point); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	data, err := readObject(ctx, v.store, pointName(id, point), maxManifest)
	switch {
	case errors.Is(err, ErrNotExist):
		return fmt.Errorf("deleting %s: %w", point, ErrNoPoint)
	case errors.Is(err, ErrDamaged): // it is longer than a manifest can be: what lies in the trash tells collections that something did
		data = nil
	case err != nil:
		return fmt.Errorf("deleting %s: %w", point, err)
	}
	trash := trashPrefix(id) + stamp(v.opts.Clock.Now()) + "." + point
	if err := v.store.Create(ctx, trash, data); err != nil && !errors.Is(err, ErrExist) {
		return fmt.Errorf("deleting %s: %w", point, err)
	}
	return v.store.Delete(ctx, pointName(id, point))
}
