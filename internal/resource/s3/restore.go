package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/rules"
)

// restoreOptions are the restore metadata of S3; see
// https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-s3.html.
type restoreOptions struct {
	bucket     string
	newBucket  bool
	acls       bool
	encryption string // original, SSE-S3, SSE-KMS; "" for the destination's default
	kmsKey     string
	items      []string // keys, or prefixes that end with a slash; nil for all
	latest     int      // versions of each object; 0 for all with their delete markers
}

const (
	encryptionOriginal = "original"
	encryptionSSES3    = "SSE-S3"
	encryptionSSEKMS   = "SSE-KMS"
	mostItems          = 5
)

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterValueException", format, args...)
}

// parseOptions reads restore metadata. Names are compared without case, and names it does not know are left alone: the
// metadata of a recovery point goes back in with a few changes.
func parseOptions(metadata map[string]string) (o restoreOptions, err error) {
	given := map[string]string{}
	for name, value := range metadata {
		given[strings.ToLower(name)] = value
	}
	if o.bucket = given["destinationbucketname"]; o.bucket == "" {
		return o, invalid("Restore metadata must have DestinationBucketName")
	}
	for name, flag := range map[string]*bool{"newbucket": &o.newBucket, "restoreacls": &o.acls} {
		if *flag, err = flagOf(given[name]); err != nil {
			return o, invalid("Invalid value %q for %s in restore metadata", given[name], name)
		}
	}
	if _, err := flagOf(given["encrypted"]); err != nil {
		return o, invalid("Invalid value %q for Encrypted in restore metadata", given["encrypted"])
	}
	o.encryption, o.kmsKey = given["encryptiontype"], given["kmskey"]
	switch o.encryption {
	case "", encryptionOriginal, encryptionSSES3:
		if o.kmsKey != "" && o.encryption != "" {
			o.kmsKey = ""
		}
	case encryptionSSEKMS:
		if o.kmsKey == "" {
			return o, invalid("Restore metadata must have KMSKey when EncryptionType is SSE-KMS")
		}
	default:
		return o, invalid("Invalid value %q for EncryptionType in restore metadata", o.encryption)
	}
	switch latest := given["restorelatestversionsupto"]; {
	case latest == "":
		o.latest = 1
	case !strings.EqualFold(latest, "all"):
		if o.latest, err = strconv.Atoi(latest); err != nil || o.latest < 1 {
			return o, invalid("Invalid value %q for RestoreLatestVersionsUpTo in restore metadata", latest)
		}
	}
	if given["restoretime"] != "" {
		return o, invalid("RestoreTime is only valid for a continuous backup")
	}
	o.items, err = parseItems(given["itemstorestore"])
	return o, err
}

func flagOf(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, errors.New("neither true nor false")
}

// parseItems reads ItemsToRestore: a JSON list of keys and prefixes, as S3 URIs or without a bucket.
func parseItems(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var items []string
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, invalid("ItemsToRestore must be a JSON list of strings")
	}
	if len(items) > mostItems {
		return nil, invalid("ItemsToRestore must have %d items or fewer", mostItems)
	}
	for i, item := range items {
		if uri, ok := strings.CutPrefix(item, "s3://"); ok {
			_, item, _ = strings.Cut(uri, "/")
		}
		items[i] = strings.TrimPrefix(item, "/")
	}
	return items, nil
}

// wants reports whether an object is to be restored.
func (o restoreOptions) wants(key string) bool {
	if o.items == nil {
		return true
	}
	for _, item := range o.items {
		if key == item || item == "" || strings.HasSuffix(item, "/") && strings.HasPrefix(key, item) {
			return true
		}
	}
	return false
}

// Restore implements [resource.Kind]. It writes new versions and never overwrites one. A job that is run again after a
// crash goes on where it was: each version is written once.
func (k *Kind) Restore(ctx context.Context, c *api.Caller, r resource.RestoreRequest) (resource.Restored, error) {
	o, err := parseOptions(r.Metadata)
	if err != nil {
		return resource.Restored{}, err
	}
	if o.encryption == encryptionOriginal && (r.Recovery.ResourceRegion != "" && r.Recovery.ResourceRegion != c.Region) {
		return resource.Restored{}, invalid("EncryptionType original is not valid for a copy in another Region: the original key is not there")
	}
	if o.acls && r.Recovery.Options["BackupACLs"] == "disabled" {
		refusal := rules.NoListsInBackup.Refuse(rules.Values{"point": r.Recovery.ARN})
		return resource.Restored{}, &api.Error{Code: "InvalidParameterValueException", Message: refusal.Message, Err: refusal}
	}
	if err := k.destination(ctx, c, o, r); err != nil {
		return resource.Restored{}, err
	}
	giveBack, err := r.Point.Hold(ctx, k.parallel, int64(k.parallel)*2*mostSmall)
	if err != nil {
		return resource.Restored{}, err
	}
	defer giveBack()
	x := &restore{Kind: k, caller: c, options: o, request: r, total: int64(r.Point.Summary().LogicalBytes)}
	if err := x.run(ctx); err != nil {
		return resource.Restored{}, err
	}
	if err := k.s3.ForgetWrites(ctx, r.JobID); err != nil {
		return resource.Restored{}, err
	}
	made := resource.Restored{ARN: arn.New("s3", "", "", o.bucket)}
	texts := roleValues(c).With("point", r.Recovery.ARN, "bucket", o.bucket)
	switch restored, failed := x.restored.Load(), x.failed.Load(); {
	case x.damaged.count > 0:
		return resource.Restored{}, x.damaged.err(o.bucket, restored)
	case restored == 0 && failed > 0:
		return resource.Restored{}, denied(rules.NothingRestored.Refuse(texts), x.why)
	case failed > 0:
		made.Message = rules.SomeNotRestored.Message(texts)
	case restored == 0:
		made.Message = rules.NothingMatched.Message(texts)
	}
	return made, nil
}

// destination makes the bucket, or sees that it is there and keeps versions.
func (k *Kind) destination(ctx context.Context, c *api.Caller, o restoreOptions, r resource.RestoreRequest) error {
	if !o.newBucket {
		out, err := api.Call[awss3.GetBucketVersioningOutput](ctx, k.door, c, &awss3.GetBucketVersioningInput{Bucket: &o.bucket})
		if err != nil {
			return err
		}
		if out.Status != types.BucketVersioningStatusEnabled {
			return invalid("The destination bucket %s must have S3 Versioning enabled.", o.bucket)
		}
		if o.acls {
			return k.takesACLs(ctx, c, o.bucket, r.Recovery.ARN)
		}
		return nil
	}
	create := &awss3.CreateBucketInput{Bucket: &o.bucket}
	if c.Region != "us-east-1" {
		create.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(c.Region)}
	}
	_, err := api.Call[awss3.CreateBucketOutput](ctx, k.door, c, create)
	if err != nil && (!r.Again || api.Code(err) != "BucketAlreadyOwnedByYou") { // then an earlier run of the job made it
		if api.Code(err) == "AccessDenied" {
			return denied(rules.BucketCreationDenied.Refuse(roleValues(c).With("bucket", o.bucket)), err)
		}
		return err
	}
	_, err = api.Call[awss3.PutBucketVersioningOutput](ctx, k.door, c, &awss3.PutBucketVersioningInput{
		Bucket: &o.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err == nil && len(r.Tags) > 0 {
		err = k.tag(ctx, c, o.bucket, r.Tags)
	}
	if err != nil || !o.acls {
		return err
	}
	_, err = api.Call[awss3.PutBucketOwnershipControlsOutput](ctx, k.door, c, &awss3.PutBucketOwnershipControlsInput{
		Bucket: &o.bucket, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}}},
	})
	return err
}

// takesACLs refuses, in the words of S3, a bucket whose access control lists are disabled, before anything is written
// there. See https://docs.aws.amazon.com/aws-backup/latest/devguide/restoring-s3.html.
func (k *Kind) takesACLs(ctx context.Context, c *api.Caller, bucket, point string) error {
	out, err := api.Call[awss3.GetBucketOwnershipControlsOutput](ctx, k.door, c, &awss3.GetBucketOwnershipControlsInput{Bucket: &bucket})
	switch {
	case api.Code(err) == "OwnershipControlsNotFoundError":
		return nil
	case err != nil:
		return err
	case out.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced:
		return nil
	}
	refusal := rules.ListsDisabled.Refuse(roleValues(c).With("point", point))
	return &api.Error{Code: "AccessControlListNotSupported", Message: refusal.Message, Err: refusal}
}

// tag gives a bucket that the restore made the tags of the one that was backed up.
func (k *Kind) tag(ctx context.Context, c *api.Caller, bucket string, tags map[string]string) error {
	set := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: &name, Value: aws.String(tags[name])})
	}
	_, err := api.Call[awss3.PutBucketTaggingOutput](ctx, k.door, c, &awss3.PutBucketTaggingInput{Bucket: &bucket, Tagging: &types.Tagging{TagSet: set}})
	return err
}

// restore is one restore under way.
type restore struct {
	*Kind
	caller  *api.Caller
	options restoreOptions
	request resource.RestoreRequest
	total   int64

	done             atomic.Int64
	restored, failed atomic.Int64
	damaged          damagedObjects
	first            sync.Once // sets why
	why              error     // the first version failed
}

// run reads the recovery point in order and restores objects in parallel, the versions of one in order: small objects many at
// once, others one by one.
func (x *restore) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(x.parallel)
	var many smallObjects
	var key string
	var versions []*archive.Entry
	flush := func() {
		if len(versions) == 0 || !x.options.wants(key) {
			return
		}
		all := x.latest(versions)
		if !small(all) {
			group.Go(func() error { return x.object(ctx, all) })
			return
		}
		if !many.room(all) {
			full := many.take()
			group.Go(func() error { return x.objects(ctx, full) })
		}
		many.add(all)
	}
	for e, err := range x.request.Point.Entries(ctx, nil) {
		if err == nil && ctx.Err() != nil {
			break // the group has the cause
		}
		var this string
		if err == nil {
			this, err = objectKey(e.Key)
		}
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		if this != key {
			flush()
			key, versions = this, nil
		}
		versions = append(versions, e)
	}
	flush()
	rest := many.take()
	group.Go(func() error { return x.objects(ctx, rest) })
	return group.Wait()
}

// latest leaves as many versions of an object as are wanted.
func (x *restore) latest(entries []*archive.Entry) []*archive.Entry {
	if n := x.options.latest; n > 0 {
		entries = entries[max(0, len(entries)-n):]
	}
	return entries
}

// object restores the versions of one object that are wanted.
func (x *restore) object(ctx context.Context, entries []*archive.Entry) error {
	for _, e := range entries {
		v, err := parseVersion(e.Meta)
		if err != nil {
			return err
		}
		if v.DeleteMarker && x.options.latest == 1 {
			continue // a deleted object stays deleted
		}
		if err := x.settle(ctx, e, v, x.version(ctx, e, v)); err != nil {
			return err
		}
	}
	return nil
}

// settle counts a version that was restored, or was refused with err. Other errors end the job.
func (x *restore) settle(ctx context.Context, e *archive.Entry, v version, err error) error {
	switch {
	case unreadable(err):
		x.failed.Add(1)
		x.first.Do(func() { x.why = err })
		x.log.DebugContext(ctx, "an object was not restored", slog.String("bucket", x.options.bucket), slog.String("key", v.Key), slog.Any("error", err))
		if x.request.Failed != nil {
			x.request.Failed(ctx, v.Key, err)
		}
	case errors.Is(err, archive.ErrDamaged):
		x.damaged.add(v.Key, err)
		x.log.ErrorContext(ctx, "an object is damaged in its recovery point and was not restored", slog.String("bucket", x.options.bucket), slog.String("key", v.Key), slog.Any("error", err))
		if x.request.Failed != nil {
			x.request.Failed(ctx, v.Key, err)
		}
	case err != nil:
		return err
	default:
		x.restored.Add(1)
	}
	if x.request.Progress != nil {
		x.request.Progress(x.done.Add(e.Size), x.total)
	}
	return nil
}

func (x *restore) version(ctx context.Context, e *archive.Entry, v version) error {
	name := sha256.Sum256(e.Key)
	once := &WriteOnceInput{JobID: x.request.JobID, Name: hex.EncodeToString(name[:16])}
	if v.DeleteMarker {
		once.Delete = &awss3.DeleteObjectInput{Bucket: &x.options.bucket, Key: &v.Key}
		_, err := api.Call[WriteOnceOutput](ctx, x.door, x.caller, once)
		return err
	}
	body := e.Open(ctx)
	defer body.Close() //nolint:errcheck // it is only read
	once.Put, once.Known = x.put(e, v, body), v.sums()
	out, err := api.Call[WriteOnceOutput](ctx, x.door, x.caller, once)
	if err != nil || !x.options.acls || len(v.Grants) == 0 {
		return err
	}
	_, err = api.Call[awss3.PutObjectAclOutput](ctx, x.door, x.caller, &awss3.PutObjectAclInput{
		Bucket: &x.options.bucket, Key: &v.Key, VersionId: &out.VersionID,
		AccessControlPolicy: &types.AccessControlPolicy{Owner: &types.Owner{ID: &v.Owner}, Grants: v.Grants},
	})
	return err
}

// put is the request that writes a version's content.
func (x *restore) put(e *archive.Entry, v version, body io.Reader) *awss3.PutObjectInput {
	in := &awss3.PutObjectInput{
		Bucket: &x.options.bucket, Key: &v.Key, Body: body, ContentLength: &e.Size, Metadata: v.Metadata, ContentType: v.Headers.ContentType,
		CacheControl: v.Headers.CacheControl, ContentDisposition: v.Headers.ContentDisposition, ContentEncoding: v.Headers.ContentEncoding,
		ContentLanguage: v.Headers.ContentLanguage, WebsiteRedirectLocation: v.Headers.WebsiteRedirect, ChecksumAlgorithm: types.ChecksumAlgorithm(v.Checksum),
	}
	if v.Headers.Expires != nil {
		if at, err := time.Parse(http.TimeFormat, *v.Headers.Expires); err == nil {
			in.Expires = &at
		}
	}
	if len(v.Tags) > 0 {
		tags := url.Values{}
		for key, value := range v.Tags {
			tags.Set(key, value)
		}
		text := tags.Encode()
		in.Tagging = &text
	}
	x.encrypt(in, v)
	return in
}

// encrypt says how the restored object is encrypted.
func (x *restore) encrypt(in *awss3.PutObjectInput, v version) {
	switch x.options.encryption {
	case encryptionSSES3:
		in.ServerSideEncryption = types.ServerSideEncryptionAes256
	case encryptionSSEKMS:
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &x.options.kmsKey
	case encryptionOriginal:
		in.ServerSideEncryption = types.ServerSideEncryption(v.Encryption)
		if v.KMSKey != "" {
			in.SSEKMSKeyId = &v.KMSKey
		}
	}
}
