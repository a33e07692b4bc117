package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// readBlob gives the plaintext of a blob, in buf if it fits.
func (d *Domain) readBlob(ctx context.Context, kind blobKind, id ID, buf []byte) ([]byte, error) {
	at, payload, err := d.findPayload(ctx, kind, id, d.vault.blobBuffer())
	if err != nil {
		return nil, err
	}
	defer d.vault.releaseBlob(payload)
	if at.blob.flags&flagCompressed == 0 {
		return append(roomy(buf, len(payload)), payload...), nil
	}
	return d.plaintext(at, payload, buf)
}

// readShared gives the plaintext of a blob, in memory that the vault's releaseBlob takes back.
func (d *Domain) readShared(ctx context.Context, kind blobKind, id ID) ([]byte, error) {
	at, payload, err := d.findPayload(ctx, kind, id, d.vault.blobBuffer())
	if err != nil || at.blob.flags&flagCompressed == 0 {
		return payload, err
	}
	defer d.vault.releaseBlob(payload)
	return d.plaintext(at, payload, d.vault.blobBuffer())
}

// plaintext decompresses what a seal has held, into buf if it fits.
func (d *Domain) plaintext(at location, payload, buf []byte) ([]byte, error) {
	plain, err := d.vault.codec.decompress(buf, payload, int(at.blob.size))
	if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", at.blob.kind, at.blob.id, err)
	}
	return plain, nil
}

// findPayload reads and opens a blob, in buf if it fits. What it gives is still compressed if the blob is.
func (d *Domain) findPayload(ctx context.Context, kind blobKind, id ID, buf []byte) (location, []byte, error) {
	at, payload, err := d.knownPayload(ctx, kind, id, buf)
	if errors.Is(err, ErrNotExist) { // it may have moved to another pack since the index was read
		if err := d.index.refresh(ctx, d); err != nil {
			return location{}, nil, err
		}
		at, payload, err = d.knownPayload(ctx, kind, id, buf)
	}
	if !errors.Is(err, errIndexDropped) && (errors.Is(err, ErrNotExist) || errors.Is(err, ErrDamaged)) {
		at, payload, err = d.rescuePayload(ctx, kind, id, buf, err)
	}
	if errors.Is(err, ErrNotExist) && !errors.Is(err, errIndexDropped) {
		return location{}, nil, damaged("%s %s is missing", kind, id)
	} else if err != nil {
		return location{}, nil, fmt.Errorf("reading %s %s: %w", kind, id, err)
	}
	return at, payload, nil
}

// knownPayload reads a blob from where the index says it is.
func (d *Domain) knownPayload(ctx context.Context, kind blobKind, id ID, buf []byte) (location, []byte, error) {
	faults := d.index.faults.Load()
	at, ok := d.index.find(id)
	if !ok && d.index.faults.Load() != faults {
		return location{}, nil, fmt.Errorf("%w: %w", ErrNotExist, errIndexDropped)
	}
	if !ok {
		return location{}, nil, ErrNotExist
	}
	if at.blob.kind != kind {
		return location{}, nil, damaged("it is a %s", at.blob.kind)
	}
	payload, err := d.readPayload(ctx, at, buf)
	return at, payload, err
}

// readPayload reads and opens the seal at a location.
func (d *Domain) readPayload(ctx context.Context, at location, buf []byte) ([]byte, error) {
	buf = roomy(buf, int(at.blob.stored))[:at.blob.stored]
	_, err := d.vault.store.ReadAt(ctx, packName(d.id(), at.pack.id), buf, int64(at.blob.offset))
	if errors.Is(err, io.EOF) {
		return nil, damaged("pack %s ends early", at.pack.id)
	} else if err != nil {
		return nil, err
	}
	return d.openPayload(d.keys.packSealer(at.pack.id), at, buf)
}

// openPayload opens a seal in its own place.
func (d *Domain) openPayload(s *sealer, at location, sealed []byte) ([]byte, error) {
	payload, err := s.open(sealed[:0], uint64(at.blob.number), sealed, at.blob.about(nil))
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", at.pack.id, err)
	}
	return payload, nil
}

// readNode reads a node that is expected to be of a kind and level.
func (d *Domain) readNode(ctx context.Context, id ID, kind Kind, level byte) (*node, error) {
	plain, err := d.readBlob(ctx, nodeBlob, id, nil)
	if err != nil {
		return nil, err
	}
	n, err := parseNode(plain)
	if err == nil && (n.kind != kind || n.level != level) {
		err = damaged("it is of another kind or level")
	}
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", id, err)
	}
	return n, nil
}
