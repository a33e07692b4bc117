package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/rules"
)

// Backup options of S3, by the names of the Backup API. Both are on unless "disabled".
const (
	optionACLs = "BackupACLs"
	optionTags = "BackupObjectTags"
)

// pointState is kept with the recovery point for the next incremental backup.
type pointState struct {
	ACLs    bool  `json:"acls"`
	Tags    bool  `json:"tags"`
	Skipped int64 `json:"skipped,omitempty"` // versions that the role could not read
}

// readWhole is the greatest size of an object that a worker reads into memory ahead of its turn.
const readWhole = 1 << 20

// Backup implements [resource.Kind].
func (k *Kind) Backup(ctx context.Context, c *api.Caller, d resource.Description, r resource.BackupRequest) (resource.Result, error) {
	if err := k.versioned(ctx, c, d.Name); err != nil {
		return resource.Result{}, err
	}
	b := &backup{
		Kind: k, caller: c, bucket: d.Name, request: r, total: d.SizeBytes,
		state: pointState{ACLs: enabled(r.Options, optionACLs), Tags: enabled(r.Options, optionTags)},
	}
	var before pointState
	if r.Parent != "" && json.Unmarshal([]byte(r.ParentState), &before) != nil {
		r.Parent = "" // nobody can say what it has of its versions
	}
	b.otherwise = before.ACLs != b.state.ACLs || before.Tags != b.state.Tags
	return b.run(ctx, r.Parent)
}

func enabled(options map[string]string, name string) bool {
	for option, value := range options {
		if strings.EqualFold(option, name) {
			return !strings.EqualFold(value, "disabled")
		}
	}
	return true
}

// Reads implements [resource.Reader].
func (k *Kind) Reads(r arn.ARN) []any {
	bucket := r.Resource
	return []any{&awss3.GetBucketTaggingInput{Bucket: &bucket}, &awss3.GetBucketVersioningInput{Bucket: &bucket}, &awss3.ListObjectVersionsInput{Bucket: &bucket}}
}

// versioned refuses a bucket that does not keep versions.
func (k *Kind) versioned(ctx context.Context, c *api.Caller, bucket string) error {
	out, err := api.Call[awss3.GetBucketVersioningOutput](ctx, k.door, c, &awss3.GetBucketVersioningInput{Bucket: &bucket})
	if api.Code(err) == "AccessDenied" {
		return denied(rules.VersioningDenied.Refuse(roleValues(c)), err)
	}
	if err != nil {
		return err
	}
	if out.Status != types.BucketVersioningStatusEnabled {
		return api.Errorf("InvalidRequestException", "Bucket versioning is not enabled for the bucket %s. AWS Backup requires S3 Versioning to be enabled on the bucket.", bucket)
	}
	return nil
}

// backup is one backup under way.
type backup struct {
	*Kind
	caller  *api.Caller
	bucket  string
	request resource.BackupRequest
	total   int64
	state   pointState
	// otherwise says that the parent was made by other options: it has the content of its versions, but not of each what this backup
	// wants beside it.
	otherwise bool

	transferred atomic.Int64
	done        atomic.Int64 // bytes kept or put
	kept, read  atomic.Int64 // versions that the parent has already, and that were read
	put         atomic.Int64 // versions written, with delete markers, of which there is nothing to read
	denied      int64        // versions that were skipped because the role may not read them or use their keys
	skipped     error        // why the first version was that was skipped
}

// step is a change of the parent recovery point, in the order of the archive. A version's content is fetched by a worker
// before its turn comes.
type step struct {
	key     []byte
	remove  bool
	entry   IndexEntry
	parent  bool // the parent has an older state of the version
	kept    bool // only the version's tags or ACL changed, or are wanted otherwise: the archive has its content, and version is what the parent knows
	version version
	body    io.ReadCloser // nil for a delete marker
	err     error
}

func (b *backup) run(ctx context.Context, parentID string) (resource.Result, error) {
	var parent *archive.Point
	if parentID != "" {
		var err error
		if parent, err = b.request.Domain.Open(ctx, parentID); errors.Is(err, archive.ErrNoPoint) {
			parentID = "" // deleted since: a full backup
		} else if err != nil {
			return resource.Result{}, err
		}
	}
	w, err := b.request.Domain.NewWriter(ctx, archive.WriteOptions{
		Point: b.request.Point, Parent: parentID, Kind: archive.Objects, Metadata: []byte(b.bucket), Expected: max(1, b.total), Holds: b.holds(),
	})
	if err != nil { // of ErrPointExists too: what an earlier run skipped is not known any more
		return resource.Result{}, err
	}
	defer w.Abort() //nolint:errcheck // there is an error already, or it was committed
	if err := b.write(ctx, w, parent); err != nil {
		return resource.Result{}, err
	}
	if b.state.Skipped > 0 {
		if b.nothing() {
			return resource.Result{}, b.told(rules.NothingBackedUp)
		}
		b.log.WarnContext(ctx, "objects were not backed up", slog.String("bucket", b.bucket), slog.Int64("versions", b.state.Skipped))
	}
	summary, err := w.Commit(ctx)
	if err != nil {
		return resource.Result{}, err
	}
	return b.result(summary)
}

// nothing reports whether nothing was backed up that there was to back up, which the job fails for: versions were refused and
// none could be read, whatever the parent has; or there is nothing at all.
func (b *backup) nothing() bool {
	return b.read.Load() == 0 && (b.denied > 0 || b.kept.Load()+b.put.Load() == 0)
}

// told is what the job says of the versions that it skipped, with the reason of the first.
func (b *backup) told(entry rules.Entry) error {
	return denied(entry.Refuse(roleValues(b.caller).With("bucket", b.bucket)), b.skipped)
}

func (b *backup) result(summary archive.Summary) (resource.Result, error) {
	text, err := json.Marshal(b.state)
	var issue error
	if b.state.Skipped > 0 {
		issue = b.told(rules.SomeSkipped)
	}
	return resource.Result{
		Issue:     issue,
		SizeBytes: int64(summary.LogicalBytes), Transferred: b.transferred.Load(), New: int64(summary.NewBytes), Stored: int64(summary.StoredBytes), Entries: int64(summary.Entries), State: string(text),
	}, err
}

// apply writes one step.
func (b *backup) apply(ctx context.Context, w *archive.Writer, s *step) error {
	if s.remove {
		return w.Remove(ctx, s.key)
	}
	switch {
	case s.err == nil:
	case vanished(s.err):
		if s.parent {
			return w.Remove(ctx, s.key)
		}
		return nil
	case unreadable(s.err):
		b.state.Skipped++
		if refused(s.err) {
			b.denied++
		}
		if b.skipped == nil || b.denied == 1 && refused(s.err) { // a refusal tells more than what cannot be read anyway
			b.skipped = s.err
		}
		b.log.DebugContext(ctx, "an object was not backed up", slog.String("bucket", b.bucket), slog.String("key", s.entry.Key),
			slog.String("version", s.entry.VersionID), slog.Any("error", s.err))
		if b.request.Failed != nil {
			b.request.Failed(ctx, s.entry.Key, s.err)
		}
		if s.kept && b.otherwise { // the next backup, by the same options, is to ask again
			s.version.Changed = notAsWanted
			return b.retag(ctx, w, s)
		}
		return nil // of a version whose tags changed, the parent's state stays
	default:
		return fmt.Errorf("reading %s of bucket %s: %w", s.entry.Key, b.bucket, s.err)
	}
	if s.kept {
		if err := b.retag(ctx, w, s); err != nil {
			return err
		}
		b.put.Add(1)
		b.read.Add(1)
		b.progress(s.entry.Size)
		return nil
	}
	meta, err := json.Marshal(s.version)
	if err != nil {
		return err
	}
	var body io.Reader = bytes.NewReader(nil)
	if s.body != nil {
		body = s.body
		defer s.body.Close() //nolint:errcheck // it is read to the end, or the job fails
	}
	if err := w.Put(ctx, s.key, meta, body, s.entry.Size); err != nil {
		return fmt.Errorf("backing up %s of bucket %s: %w", s.entry.Key, b.bucket, err)
	}
	b.put.Add(1)
	if !s.entry.DeleteMarker {
		b.read.Add(1)
	}
	b.progress(s.entry.Size)
	return nil
}

// retag writes what belongs to a version whose content the archive has.
func (b *backup) retag(ctx context.Context, w *archive.Writer, s *step) error {
	meta, err := json.Marshal(s.version)
	if err != nil {
		return err
	}
	if err := w.Retag(ctx, s.key, meta); err != nil {
		return fmt.Errorf("backing up the tags of %s of bucket %s: %w", s.entry.Key, b.bucket, err)
	}
	return nil
}

func (b *backup) progress(n int64) {
	done := b.done.Add(n)
	if b.request.Progress != nil {
		b.request.Progress(done, max(b.total, done))
	}
}

// vanished reports whether a version was deleted after it was listed.
func vanished(err error) bool {
	switch api.Code(err) {
	case "NoSuchKey", "NoSuchVersion":
		return true
	}
	return false
}

// unreadable reports whether the role may not read a version, or its key is not usable, or it lies in an archival storage
// class, or is encrypted under a key of a client's (InvalidRequest): the job goes on without it.
func unreadable(err error) bool {
	code := api.Code(err)
	return refused(err) || code == "InvalidObjectState" || code == "InvalidRequest"
}

// refused reports whether the role may not read a version, or its key is not usable.
func refused(err error) bool {
	code := api.Code(err)
	return code == "AccessDenied" || strings.HasPrefix(code, "KMS.")
}

// fetch reads a version with what belongs to it.
func (b *backup) fetch(ctx context.Context, e IndexEntry) (version, io.ReadCloser, error) {
	v := listed(e)
	if e.DeleteMarker {
		return v, nil, nil
	}
	out, err := api.Call[awss3.GetObjectOutput](ctx, b.door, b.caller, &awss3.GetObjectInput{
		Bucket: &b.bucket, Key: &e.Key, VersionId: &e.VersionID, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return v, nil, err
	}
	v.read(out)
	if err := b.fetchRest(ctx, e, &v, b.state.Tags); err != nil {
		return v, nil, errors.Join(err, out.Body.Close())
	}
	b.transferred.Add(e.Size)
	if e.Size > readWhole {
		return v, out.Body, nil
	}
	content, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return v, nil, err
	}
	return v, io.NopCloser(bytes.NewReader(content)), nil
}

// refetch reads anew what may have changed of a version whose content has not. If it fails, the version stays as it is.
func (b *backup) refetch(ctx context.Context, e IndexEntry, v *version) error {
	anew := *v
	anew.Changed, anew.Tags, anew.Owner, anew.Grants = e.Changed, nil, "", nil
	if err := b.fetchRest(ctx, e, &anew, b.state.Tags); err != nil {
		return err
	}
	*v = anew
	return nil
}

// fetchRest reads tags, if they are wanted, and the ACL, where there are any and the options ask for it.
func (b *backup) fetchRest(ctx context.Context, e IndexEntry, v *version, tags bool) error {
	if e.Tags > 0 && tags {
		out, err := api.Call[awss3.GetObjectTaggingOutput](ctx, b.door, b.caller, &awss3.GetObjectTaggingInput{Bucket: &b.bucket, Key: &e.Key, VersionId: &e.VersionID})
		if err != nil {
			return err
		}
		v.Tags = map[string]string{}
		for _, tag := range out.TagSet {
			v.Tags[*tag.Key] = *tag.Value
		}
	}
	if e.ACL && b.state.ACLs {
		out, err := api.Call[awss3.GetObjectAclOutput](ctx, b.door, b.caller, &awss3.GetObjectAclInput{Bucket: &b.bucket, Key: &e.Key, VersionId: &e.VersionID})
		if err != nil {
			return err
		}
		v.Owner, v.Grants = *out.Owner.ID, out.Grants
	}
	return nil
}

// compare lays the listing of the bucket beside the parent recovery point and tells each difference, in the archive's
// order.
func (b *backup) compare(ctx context.Context, parent *archive.Point, tell func(*step) error) error {
	next, stop := func() (*archive.Entry, error, bool) { return nil, nil, false }, func() {}
	if parent != nil {
		next, stop = iter.Pull2(parent.Entries(ctx, nil))
	}
	defer stop()
	old, err, more := next()
	if err != nil {
		return err
	}
	for e, err := range b.index(ctx) {
		if err != nil {
			return err
		}
		key := archiveKey(e)
		for more && bytes.Compare(old.Key, key) < 0 {
			if err := tell(&step{key: old.Key, remove: true}); err != nil {
				return err
			}
			if old, err, more = next(); err != nil {
				return err
			}
		}
		s := &step{key: key, entry: e}
		if more && bytes.Equal(old.Key, key) {
			v, err := parseVersion(old.Meta)
			if err != nil {
				return err
			}
			if old, err, more = next(); err != nil {
				return err
			}
			if v.unchanged(e) && (!b.otherwise || e.DeleteMarker) {
				b.kept.Add(1)
				b.done.Add(e.Size)
				continue
			}
			s.parent = true
			if v.retagged(e) {
				s.kept, s.version = true, v
			}
		}
		if err := tell(s); err != nil {
			return err
		}
	}
	for more {
		if err := tell(&step{key: old.Key, remove: true}); err != nil {
			return err
		}
		if old, err, more = next(); err != nil {
			return err
		}
	}
	return nil
}

// index lists all versions of the bucket in the archive's order: by key, the oldest first.
func (b *backup) index(ctx context.Context) iter.Seq2[IndexEntry, error] {
	return func(yield func(IndexEntry, error) bool) {
		var versions []IndexEntry // of one key, the newest first
		flush := func() bool {
			for i := len(versions) - 1; i >= 0; i-- {
				if !yield(versions[i], nil) {
					return false
				}
			}
			versions = versions[:0]
			return true
		}
		in := &ListVersionIndexInput{Bucket: &b.bucket}
		for {
			out, err := api.Call[ListVersionIndexOutput](ctx, b.door, b.caller, in)
			if api.Code(err) == "AccessDenied" {
				err = b.undescribable(b.caller, b.bucket, err)
			}
			if err != nil {
				yield(IndexEntry{}, err)
				return
			}
			for _, e := range out.Entries {
				if len(versions) > 0 && versions[0].Key != e.Key && !flush() {
					return
				}
				versions = append(versions, e)
			}
			if !out.IsTruncated {
				flush()
				return
			}
			in.Marker = &out.Entries[len(out.Entries)-1]
		}
	}
}
