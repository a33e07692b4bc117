package s3

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// mostKeys is the greatest number of entries in a page of a listing.
const mostKeys = 1000

// listing walks the keys of a bucket in order, grouping those that share a prefix up to a delimiter.
type listing[E any] struct {
	prefix, delimiter string
	limit             int
	// page reads up to limit entries in order: those behind an entry if one is given, else those of the range.
	page func(ctx context.Context, tx *state.Tx, r state.KeyRange, behind *E, limit int) ([]E, error)
	key  func(E) string
}

// found is an entry of a listing, or a common prefix.
type found[E any] struct {
	entry        E
	commonPrefix string
}

// fewKeys is the size of a page that may be inside a common prefix, and be read for nothing.
const fewKeys = 2

// walk lists from a key on, or what is behind an entry, and says whether there is more. Whatever a common prefix holds
// is skipped by a seek, not by reading it.
func (l listing[E]) walk(ctx context.Context, tx *state.Tx, bucketID int64, from string, behind *E) (all []found[E], more bool, err error) {
	if l.limit == 0 {
		return nil, false, nil
	}
	r := state.KeyRange{BucketID: bucketID, From: max(from, l.prefix), Before: successor(l.prefix)}
	if behind != nil && !strings.HasPrefix(l.key(*behind), l.prefix) {
		behind = nil
	}
	size := l.limit + 1
	if l.delimiter != "" {
		size = min(size, fewKeys)
	}
	for {
		entries, err := l.page(ctx, tx, r, behind, size)
		if err != nil {
			return nil, false, err
		}
		group := ""
		for _, entry := range entries {
			key := l.key(entry)
			if group != "" && strings.HasPrefix(key, group) {
				continue
			}
			group = ""
			if len(all) == l.limit {
				return all, true, nil
			}
			if l.delimiter != "" {
				if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
					group = key[:len(l.prefix)+i+len(l.delimiter)]
					all = append(all, found[E]{commonPrefix: group})
					continue
				}
			}
			all = append(all, found[E]{entry: entry})
		}
		if len(entries) < size {
			return all, false, nil
		}
		if group == "" {
			behind = &entries[len(entries)-1]
			r.From = after(l.key(*behind))
			size = min(2*size, l.limit+1)
			continue
		}
		r.From, behind, size = successor(group), nil, min(fewKeys, l.limit+1)
		if r.From == "" || r.Before != "" && r.From >= r.Before {
			return all, false, nil
		}
	}
}

// successor is the first key that does not begin with prefix and comes after all that do; "" if there is none.
func successor(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == 0xD7FF:
			return prefix + "\uE000" // surrogates are no characters
		case last < utf8.MaxRune:
			return prefix + string(last+1)
		}
	}
	return ""
}

// after is the first key behind key: no key has a NUL.
func after(key string) string {
	if key == "" {
		return ""
	}
	return key + "\x01"
}

// behind is where a listing goes on after a marker, which may be a key or, with a delimiter, a common prefix.
func behind(marker, prefix, delimiter string) string {
	if delimiter != "" && strings.HasPrefix(marker, prefix) && strings.HasSuffix(marker, delimiter) && len(marker) > len(prefix) {
		return successor(marker)
	}
	return after(marker)
}

func checkEncoding(e types.EncodingType) error {
	if e != "" && e != types.EncodingTypeUrl {
		return invalidArgument("encoding-type", string(e), "Invalid Encoding Method specified in Request")
	}
	return nil
}

// encoded is a key as a listing tells it.
func encoded(e types.EncodingType, key string) *string {
	if e == types.EncodingTypeUrl {
		key = strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
	}
	return &key
}

func encodedOptional(e types.EncodingType, key *string) *string {
	if key == nil {
		return nil
	}
	return encoded(e, *key)
}

// listConditions are the condition keys of a listing.
func listConditions(prefix, delimiter *string, most *int32) map[string][]string {
	keys := map[string][]string{}
	if prefix != nil {
		keys["s3:prefix"] = []string{*prefix}
	}
	if delimiter != nil {
		keys["s3:delimiter"] = []string{*delimiter}
	}
	if most != nil {
		keys["s3:max-keys"] = []string{strconv.Itoa(int(*most))}
	}
	return keys
}

// current lists the objects of a bucket.
func (s *Service) current(ctx context.Context, b state.Bucket, from, prefix, delimiter string, limit int) (all []found[state.ObjectVersion], more bool, err error) {
	l := listing[state.ObjectVersion]{
		prefix: prefix, delimiter: delimiter, limit: limit,
		page: func(ctx context.Context, tx *state.Tx, r state.KeyRange, _ *state.ObjectVersion, limit int) ([]state.ObjectVersion, error) {
			return tx.CurrentObjects(ctx, r, limit)
		},
		key: func(v state.ObjectVersion) string { return v.Key },
	}
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, more, err = l.walk(ctx, tx, b.ID, from, nil)
		return err
	})
	return all, more, err
}

func shownObject(v state.ObjectVersion, e types.EncodingType, withOwner bool) types.Object {
	o := types.Object{
		Key: encoded(e, v.Key), LastModified: v.Modified.Ptr(), ETag: quoted(v.ETag), Size: &v.Size,
		StorageClass: types.ObjectStorageClass(v.StorageClass), ChecksumType: types.ChecksumType(v.ChecksumType),
		ChecksumAlgorithm: []types.ChecksumAlgorithm{types.ChecksumAlgorithm(v.ChecksumAlgorithm)},
	}
	if withOwner {
		o.Owner = owner(v.Owner)
	}
	return o
}

// listing is how every listing of keys begins: with its bucket, and how many keys a page has.
func (s *Service) listing(ctx context.Context, c *api.Caller, name *string, encoding types.EncodingType, most *int32) (b state.Bucket, limit int, err error) {
	if b, err = s.bucket(ctx, c, name); err != nil {
		return b, 0, err
	}
	if err := checkEncoding(encoding); err != nil {
		return b, 0, err
	}
	limit, err = pageSize("max-keys", most, mostKeys)
	return b, limit, err
}

// ListObjectsV2 lists objects by pages of up to a thousand.
func (s *Service) ListObjectsV2(ctx context.Context, c *api.Caller, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	b, limit, err := s.listing(ctx, c, in.Bucket, in.EncodingType, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	from := behind(str(in.StartAfter), str(in.Prefix), str(in.Delimiter))
	scope := "objects/" + b.Name
	if str(in.ContinuationToken) != "" {
		if from, err = s.keys.openToken(scope, *in.ContinuationToken); err != nil {
			return nil, err
		}
	}
	all, more, err := s.current(ctx, b, from, str(in.Prefix), str(in.Delimiter), limit)
	if err != nil {
		return nil, err
	}
	e := in.EncodingType
	out := &s3.ListObjectsV2Output{
		Name: &b.Name, Prefix: encoded(e, str(in.Prefix)), Delimiter: encodedOptional(e, in.Delimiter), EncodingType: e, MaxKeys: ptr(int32(limit)),
		KeyCount: ptr(int32(len(all))), IsTruncated: &more, ContinuationToken: in.ContinuationToken, StartAfter: encodedOptional(e, in.StartAfter),
	}
	for _, each := range all {
		if each.commonPrefix != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encoded(e, each.commonPrefix)})
			from = successor(each.commonPrefix)
			continue
		}
		out.Contents = append(out.Contents, shownObject(each.entry, e, in.FetchOwner != nil && *in.FetchOwner))
		from = after(each.entry.Key)
	}
	if more {
		out.NextContinuationToken = ptr(s.keys.sealToken(scope, from))
	}
	return out, nil
}

// ListObjects is the older form of the listing, whose pages go on at a key.
func (s *Service) ListObjects(ctx context.Context, c *api.Caller, in *s3.ListObjectsInput) (*s3.ListObjectsOutput, error) {
	b, limit, err := s.listing(ctx, c, in.Bucket, in.EncodingType, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	all, more, err := s.current(ctx, b, behind(str(in.Marker), str(in.Prefix), str(in.Delimiter)), str(in.Prefix), str(in.Delimiter), limit)
	if err != nil {
		return nil, err
	}
	e := in.EncodingType
	out := &s3.ListObjectsOutput{
		Name: &b.Name, Prefix: encoded(e, str(in.Prefix)), Delimiter: encodedOptional(e, in.Delimiter), EncodingType: e, MaxKeys: ptr(int32(limit)),
		IsTruncated: &more, Marker: encoded(e, str(in.Marker)),
	}
	last := ""
	for _, each := range all {
		if last = each.commonPrefix; last != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encoded(e, last)})
			continue
		}
		out.Contents = append(out.Contents, shownObject(each.entry, e, true))
		last = each.entry.Key
	}
	if more && str(in.Delimiter) != "" { // without a delimiter the last key is the marker, and S3 tells none
		out.NextMarker = encoded(e, last)
	}
	return out, nil
}

// ListObjectVersions lists versions and delete markers, the newest of a key first.
func (s *Service) ListObjectVersions(ctx context.Context, c *api.Caller, in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
	b, limit, err := s.listing(ctx, c, in.Bucket, in.EncodingType, in.MaxKeys)
	if err != nil {
		return nil, err
	}
	if str(in.VersionIdMarker) != "" && str(in.KeyMarker) == "" {
		return nil, invalidArgument("version-id-marker", *in.VersionIdMarker, "A version-id marker cannot be specified without a key marker.")
	}
	marker, prefix, delimiter := str(in.KeyMarker), str(in.Prefix), str(in.Delimiter)
	var all []found[state.ObjectVersion]
	var more bool
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, more, err = versions(ctx, tx, b, versionsQuery{marker, str(in.VersionIdMarker), prefix, delimiter, limit})
		return err
	})
	if err != nil {
		return nil, err
	}
	e := in.EncodingType
	out := &s3.ListObjectVersionsOutput{
		Name: &b.Name, Prefix: encoded(e, prefix), Delimiter: encodedOptional(e, in.Delimiter), EncodingType: e, MaxKeys: ptr(int32(limit)), IsTruncated: &more,
		KeyMarker: encoded(e, marker), VersionIdMarker: ptr(str(in.VersionIdMarker)),
	}
	newest := marker // the key whose newest version was told, here or on the page before
	if str(in.VersionIdMarker) == "" {
		newest = ""
	}
	for _, each := range all {
		if each.commonPrefix != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encoded(e, each.commonPrefix)})
			continue
		}
		v := each.entry
		latest := v.Key != newest
		newest = v.Key
		if v.DeleteMarker {
			out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
				Key: encoded(e, v.Key), VersionId: &v.VersionID, IsLatest: &latest, LastModified: v.Modified.Ptr(), Owner: owner(v.Owner),
			})
			continue
		}
		out.Versions = append(out.Versions, types.ObjectVersion{
			Key: encoded(e, v.Key), VersionId: &v.VersionID, IsLatest: &latest, LastModified: v.Modified.Ptr(), Owner: owner(v.Owner), ETag: quoted(v.ETag),
			Size: &v.Size, StorageClass: types.ObjectVersionStorageClass(v.StorageClass), ChecksumType: types.ChecksumType(v.ChecksumType),
			ChecksumAlgorithm: []types.ChecksumAlgorithm{types.ChecksumAlgorithm(v.ChecksumAlgorithm)},
		})
	}
	if more && len(all) > 0 {
		last := all[len(all)-1]
		out.NextKeyMarker = encoded(e, last.commonPrefix)
		if last.commonPrefix == "" {
			out.NextKeyMarker, out.NextVersionIdMarker = encoded(e, last.entry.Key), &last.entry.VersionID
		}
	}
	return out, nil
}

// versionsQuery says which versions are wanted: those behind a key and, within it, behind a version.
type versionsQuery struct {
	keyMarker, versionMarker, prefix, delimiter string
	limit                                       int
}

func versions(ctx context.Context, tx *state.Tx, b state.Bucket, q versionsQuery) (all []found[state.ObjectVersion], more bool, err error) {
	l := listing[state.ObjectVersion]{
		prefix: q.prefix, delimiter: q.delimiter, limit: q.limit, page: versionsPage,
		key: func(v state.ObjectVersion) string { return v.Key },
	}
	if q.versionMarker == "" {
		return l.walk(ctx, tx, b.ID, behind(q.keyMarker, q.prefix, q.delimiter), nil)
	}
	than, err := markerTime(ctx, tx, b, q.keyMarker, q.versionMarker)
	if err != nil {
		return nil, false, err
	}
	return l.walk(ctx, tx, b.ID, after(q.keyMarker), &state.ObjectVersion{BucketID: b.ID, Key: q.keyMarker, Modified: than})
}

// versionsPage reads versions: the older ones of the key of the entry that it goes on behind, and then those of the range.
func versionsPage(ctx context.Context, tx *state.Tx, r state.KeyRange, behind *state.ObjectVersion, limit int) (all []state.ObjectVersion, err error) {
	if behind != nil {
		if all, err = tx.OlderVersions(ctx, r.BucketID, behind.Key, behind.Modified, limit); err != nil || len(all) == limit {
			return all, err
		}
	}
	rest, err := tx.ObjectVersions(ctx, r, limit-len(all))
	return append(all, rest...), err
}

// markerTime is when the version of a marker was made. One that was deleted meanwhile still marks its place; a null
// version that was does not, and the listing then goes on with the next key.
func markerTime(ctx context.Context, tx *state.Tx, b state.Bucket, key, version string) (state.Micros, error) {
	if version != state.NullVersion {
		modified, ok := versionModified(version)
		if !ok {
			return 0, invalidArgument("version-id-marker", version, "Invalid version id specified")
		}
		return modified, nil
	}
	o, err := tx.NullObject(ctx, b.ID, key)
	if errors.Is(err, state.ErrNotFound) {
		return 0, nil
	}
	return o.Modified, err
}

// ListMultipartUploads lists uploads in progress.
func (s *Service) ListMultipartUploads(ctx context.Context, c *api.Caller, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := checkEncoding(in.EncodingType); err != nil {
		return nil, err
	}
	limit, err := pageSize("max-uploads", in.MaxUploads, mostKeys)
	if err != nil {
		return nil, err
	}
	marker, id, prefix, delimiter := str(in.KeyMarker), str(in.UploadIdMarker), str(in.Prefix), str(in.Delimiter)
	if marker != "" && id != "" && !isUploadID(id) {
		return nil, invalidArgument("upload-id-marker", id, "Invalid uploadId marker")
	}
	from := behind(marker, prefix, delimiter)
	var last *state.Upload
	if marker != "" && id != "" {
		last = &state.Upload{Key: marker, ID: id}
	}
	l := listing[state.Upload]{
		prefix: prefix, delimiter: delimiter, limit: limit,
		page: func(ctx context.Context, tx *state.Tx, r state.KeyRange, behind *state.Upload, limit int) ([]state.Upload, error) {
			if behind == nil {
				return tx.Uploads(ctx, r, "", limit)
			}
			r.From = behind.Key
			return tx.Uploads(ctx, r, behind.ID, limit)
		},
		key: func(u state.Upload) string { return u.Key },
	}
	var all []found[state.Upload]
	var more bool
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, more, err = l.walk(ctx, tx, b.ID, from, last)
		return err
	})
	if err != nil {
		return nil, err
	}
	e := in.EncodingType
	out := &s3.ListMultipartUploadsOutput{
		Bucket: &b.Name, Prefix: encoded(e, prefix), Delimiter: encodedOptional(e, in.Delimiter), EncodingType: e, MaxUploads: ptr(int32(limit)), IsTruncated: &more,
		KeyMarker: encoded(e, marker), UploadIdMarker: ptr(id),
	}
	for _, each := range all {
		if each.commonPrefix != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: encoded(e, each.commonPrefix)})
			out.NextKeyMarker, out.NextUploadIdMarker = encoded(e, each.commonPrefix), nil
			continue
		}
		u := each.entry
		out.Uploads = append(out.Uploads, types.MultipartUpload{
			Key: encoded(e, u.Key), UploadId: &u.ID, Initiated: u.Initiated.Ptr(), StorageClass: types.StorageClass(u.Object.StorageClass),
			Owner: owner(u.Object.Owner), Initiator: &types.Initiator{ID: ptr(canonicalID(u.Object.Owner))},
			ChecksumAlgorithm: types.ChecksumAlgorithm(u.Object.ChecksumAlgorithm), ChecksumType: types.ChecksumType(u.Object.ChecksumType),
		})
		out.NextKeyMarker, out.NextUploadIdMarker = encoded(e, u.Key), &u.ID
	}
	if !more {
		out.NextKeyMarker, out.NextUploadIdMarker = nil, nil
	}
	return out, nil
}
