package archive

import "context"

// ReadObject reads a whole object of a store that is not larger than limit bytes, for what lies beside the vaults.
func ReadObject(ctx context.Context, s Store, name string, limit int) ([]byte, error) {
	return readObject(ctx, s, name, limit)
}
