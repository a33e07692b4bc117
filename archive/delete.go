package archive

import (
	"context"
	"errors"
	"fmt"
)

// Delete removes a recovery point of the domain named. If there is none the error wraps [ErrNoPoint]. Its key is not
// needed. What only it reached goes with later collections; until then the manifest lies in the trash, so that writers
// which took it for parent find all that it reached.
func (v *Vault) Delete(ctx context.Context, domain, point string) error {
	id, err := parseObjectID(domain)
	if err != nil {
		return fmt.Errorf("deleting %s: %w", point, err)
	}
	if err := checkPointID(point); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	data, err := readObject(ctx, v.store, pointName(id, point), maxManifest)
	if errors.Is(err, ErrNotExist) {
		return fmt.Errorf("deleting %s: %w", point, ErrNoPoint)
	} else if err != nil {
		return fmt.Errorf("deleting %s: %w", point, err)
	}
	trash := trashPrefix(id) + stamp(v.opts.Clock.Now()) + "." + point
	if err := v.store.Create(ctx, trash, data); err != nil && !errors.Is(err, ErrExist) {
		return fmt.Errorf("deleting %s: %w", point, err)
	}
	return v.store.Delete(ctx, pointName(id, point))
}
