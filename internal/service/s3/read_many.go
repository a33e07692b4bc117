package s3

import (
	"bytes"
	"context"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/state"
)

// ReadMany reads many versions with one look at their rows. Whoever may not read one of them is told so of that one.
func (s *Service) ReadMany(ctx context.Context, c *api.Caller, in *s3kind.ReadManyInput) (*s3kind.ReadManyOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if s.door.Recorded(c, b.AccountID) {
		return &s3kind.ReadManyOutput{Apart: true}, nil
	}
	rows, err := s.versionRows(ctx, b, in.Entries)
	if err != nil {
		return nil, err
	}
	m := &manyReads{s: s, c: c, bucket: b, keys: map[string][]byte{}}
	out := &s3kind.ReadManyOutput{Versions: make([]s3kind.VersionRead, len(in.Entries))}
	for i, e := range in.Entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o, there := rows[e.VersionID+e.Key]
		read, err := m.one(ctx, e, o, there, in.Tags)
		if err != nil && api.Code(err) == "" {
			return nil, err
		}
		read.Err = err
		out.Versions[i] = read
	}
	return out, nil
}

// versionRows reads the rows of versions by id and key: those of the range that the entries lie in, and what is beyond the first of
// them one by one.
func (s *Service) versionRows(ctx context.Context, b state.Bucket, entries []s3kind.IndexEntry) (map[string]state.Object, error) {
	rows := make(map[string]state.Object, len(entries))
	if len(entries) == 0 {
		return rows, nil
	}
	err := s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		near, err := tx.ObjectsBetween(ctx, b.ID, entries[0].Key, entries[len(entries)-1].Key, 2*len(entries))
		if err != nil {
			return err
		}
		for _, o := range near {
			rows[o.VersionID+o.Key] = o
		}
		for _, e := range entries {
			if _, there := rows[e.VersionID+e.Key]; there {
				continue
			}
			o, err := findIn(ctx, tx, b.ID, e.Key, e.VersionID)
			if err == nil {
				rows[e.VersionID+e.Key] = o
			} else if api.Code(err) == "" {
				return err
			}
		}
		return nil
	})
	return rows, err
}

// manyReads are the reads of one call under way.
type manyReads struct {
	s      *Service
	c      *api.Caller
	bucket state.Bucket
	keys   map[string][]byte // data keys under a bucket key, which objects share, by what they are wrapped as
}

func (m *manyReads) one(ctx context.Context, e s3kind.IndexEntry, o state.Object, there, wantTags bool) (read s3kind.VersionRead, err error) {
	if err := m.authorize(ctx, e, o, there, "GetObjectVersion"); err != nil {
		return read, err
	}
	if !there {
		return read, m.s.missing(ctx, m.c, m.bucket, noSuchVersion(e.Key, e.VersionID))
	}
	if err := archived(o, m.s.clock.Now()); err != nil {
		return read, err
	}
	if wantTags && len(o.Tags) > 0 {
		if err := m.authorize(ctx, e, o, there, "GetObjectVersionTagging"); err != nil {
			return read, err
		}
		read.Tags = o.Tags
	}
	key, err := m.key(ctx, o)
	if err != nil {
		return read, err
	}
	body, err := m.s.open(ctx, m.bucket, o, key, span{length: o.Size})
	if gone(err) {
		return read, m.s.missing(ctx, m.c, m.bucket, noSuchVersion(e.Key, e.VersionID))
	}
	if err != nil {
		return read, err
	}
	defer body.Close() //nolint:errcheck // it is only read
	content := make([]byte, o.Size)
	if _, err := io.ReadFull(body, content); err != nil {
		return read, err
	}
	read.Object = m.s.output(ctx, m.c, reading{bucket: m.bucket, object: o, span: span{length: o.Size}, checksum: o.Checksum},
		&s3.GetObjectInput{VersionId: &o.VersionID, ChecksumMode: types.ChecksumModeEnabled}, io.NopCloser(bytes.NewReader(content)))
	return read, nil
}

// authorize asks for an action on a version that may not be there.
func (m *manyReads) authorize(ctx context.Context, e s3kind.IndexEntry, o state.Object, there bool, action string) error {
	conditions := map[string][]string{"s3:VersionId": {e.VersionID}}
	var list string
	if there {
		for key, value := range o.Tags {
			conditions["s3:ExistingObjectTag/"+key] = []string{value}
		}
		list = objectACLPolicy(m.bucket, escaped(e.Key), ownList(m.bucket, o))
	}
	return m.s.door.Authorize(ctx, m.c, "s3", withList(bucketAccess(m.bucket, action, objectARN(m.bucket.Name, e.Key), conditions), list))
}

func (m *manyReads) key(ctx context.Context, o state.Object) ([]byte, error) {
	if !o.BucketKey {
		return m.s.dataKey(ctx, m.c, m.bucket, o, customerKey{})
	}
	name := o.KMSKeyARN + o.KMSContext + string(o.WrappedKey)
	if key := m.keys[name]; key != nil {
		return key, nil
	}
	key, err := m.s.dataKey(ctx, m.c, m.bucket, o, customerKey{})
	if err == nil {
		m.keys[name] = key
	}
	return key, err
}

// readManyAccess asks for nothing: each read is authorized by itself, so that one that is refused leaves the others alone.
func readManyAccess(context.Context, *api.Caller, *s3kind.ReadManyInput) ([]api.Access, error) {
	return nil, nil
}
