package s3

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"net/http"
	"unicode/utf8"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// A version id carries the version's time of modification, which is unique within its key, and is found by it. To
// clients it is opaque.
var versionEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

func newVersionID(modified state.Micros) string {
	var b [20]byte
	binary.BigEndian.PutUint64(b[:], uint64(modified))
	rand.Read(b[8:])
	return versionEncoding.EncodeToString(b[:])
}

func versionModified(id string) (state.Micros, bool) {
	b, err := versionEncoding.DecodeString(id)
	if err != nil || len(b) != 20 || len(id) != 32 { // decoding passes over line ends
		return 0, false
	}
	return state.Micros(binary.BigEndian.Uint64(b)), true
}

func validUTF8(s string) bool { return utf8.ValidString(s) }

// find reads the version of a key that id names, or the newest; it may be a delete marker. A missing one is an
// [api.Error], NoSuchKey or NoSuchVersion.
func (s *Service) find(ctx context.Context, b state.Bucket, key, id string) (o state.Object, err error) {
	err = s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err = findIn(ctx, tx, b.ID, key, id)
		return err
	})
	return o, err
}

func findIn(ctx context.Context, tx *state.Tx, bucketID int64, key, id string) (state.Object, error) {
	switch id {
	case "":
		o, err := tx.NewestObject(ctx, bucketID, key)
		if errors.Is(err, state.ErrNotFound) {
			err = noSuchKey(key)
		}
		return o, err
	case state.NullVersion:
		o, err := tx.NullObject(ctx, bucketID, key)
		if errors.Is(err, state.ErrNotFound) {
			err = noSuchVersion(key, id)
		}
		return o, err
	}
	modified, ok := versionModified(id)
	if !ok {
		return state.Object{}, invalidArgument("versionId", id, "Invalid version id specified")
	}
	o, err := tx.ObjectAt(ctx, bucketID, key, modified)
	if errors.Is(err, state.ErrNotFound) || err == nil && o.VersionID != id {
		err = noSuchVersion(key, id)
	}
	return o, err
}

// readable is find for operations on content: a delete marker is no object.
func (s *Service) readable(ctx context.Context, c *api.Caller, b state.Bucket, key, id, method string) (state.Object, error) {
	o, err := s.find(ctx, b, key, id)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Status == http.StatusNotFound {
		return o, s.missing(ctx, c, b, e)
	}
	if err != nil || !o.DeleteMarker {
		return o, err
	}
	if id != "" {
		e := methodNotAllowed(method, "DeleteMarker")
		e.Members["x-amz-delete-marker"], e.Members["x-amz-version-id"] = "true", o.VersionID
		return o, e
	}
	e := noSuchKey(key)
	e.Members["x-amz-delete-marker"], e.Members["x-amz-version-id"] = "true", o.VersionID
	return o, s.missing(ctx, c, b, e)
}

// add makes o the newest version of its key, by the bucket's versioning, and returns the contents that are not needed
// any more.
func add(ctx context.Context, tx *state.Tx, b state.Bucket, o *state.Object) (dead []content, err error) {
	newest, err := tx.NewestObject(ctx, b.ID, o.Key)
	exists := err == nil
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return nil, err
	}
	o.BucketID = b.ID
	o.Modified = tx.Now
	if exists {
		o.Modified = max(tx.Now, newest.Modified+1)
	}
	if b.Versioning == "Enabled" {
		o.VersionID = newVersionID(o.Modified)
	} else {
		o.VersionID = state.NullVersion
		if exists {
			if dead, err = dropNull(ctx, tx, b, o.Key); err != nil {
				return nil, err
			}
		}
	}
	defaultLock(b, o)
	if exists {
		if err := tx.RetireObject(ctx, b.ID, o.Key); err != nil {
			return nil, err
		}
	}
	return dead, tx.InsertObject(ctx, *o)
}

// dropNull removes the null version of a key, if there is one.
func dropNull(ctx context.Context, tx *state.Tx, b state.Bucket, key string) ([]content, error) {
	replaced, err := tx.NullObject(ctx, b.ID, key)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return drop(ctx, tx, b, replaced)
}

// drop removes a version and returns its contents.
func drop(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) ([]content, error) {
	contents, err := contentsOf(ctx, tx, b, o)
	if err != nil {
		return nil, err
	}
	if o.UploadID != "" {
		if err := tx.DeleteUploadParts(ctx, o.UploadID); err != nil {
			return nil, err
		}
	}
	return contents, tx.DeleteObject(ctx, o.ObjectVersion)
}

// mostParts is the greatest number of parts of an upload.
const mostParts = 10000

// contentOf is where the content of a version lies that was not uploaded in parts.
func contentOf(b state.Bucket, o state.Object) content {
	return content{region: b.Region, spot: spot{file: o.File, offset: o.Offset}, size: o.Size}
}

// contentsOf lists where the content of a version lies, in order.
func contentsOf(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) ([]content, error) {
	if o.UploadID == "" {
		if o.File == 0 {
			return nil, nil
		}
		return []content{contentOf(b, o)}, nil
	}
	parts, err := tx.UploadParts(ctx, o.UploadID, 0, mostParts)
	contents := make([]content, len(parts))
	for i, p := range parts {
		contents[i] = content{region: b.Region, spot: spot{file: p.File}, size: p.Size}
	}
	return contents, err
}
