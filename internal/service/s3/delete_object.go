package s3

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// deletion is one object to delete.
type deletion struct {
	key, version string
	etag         *string
	size         *int64
	modified     *time.Time
	bypass       bool // the caller may end a retention of mode GOVERNANCE, and says so
}

// deleted is what became of it.
type deleted struct {
	marker  bool                 // a delete marker was made or removed
	version string               // the version removed, or of the marker made
	gone    *state.ObjectVersion // what was removed; nil if nothing was
	made    *state.ObjectVersion // the marker made; nil if none was
}

// tellOfDeletion tells of what became of an object that was to be deleted; c is nil for a lifecycle rule.
func (s *Service) tellOfDeletion(ctx context.Context, tx *state.Tx, c *api.Caller, b state.Bucket, d deleted) error {
	switch {
	case d.made != nil:
		return s.tell(ctx, tx, c, b, objectRemoved(c == nil, *d.made, true))
	case d.gone != nil:
		return s.tell(ctx, tx, c, b, objectRemoved(c == nil, *d.gone, false))
	}
	return nil
}

// remove deletes a version, or makes a delete marker. It returns the contents that are not needed any more.
func remove(ctx context.Context, tx *state.Tx, b state.Bucket, d deletion) (deleted, []content, error) {
	o, err := findIn(ctx, tx, b.ID, d.key, d.version)
	var missing bool
	if e, ok := errors.AsType[*api.Error](err); ok && e.Status == http.StatusNotFound {
		missing, err = true, nil
	}
	if err != nil {
		return deleted{}, nil, err
	}
	if d.etag != nil || d.size != nil || d.modified != nil {
		switch {
		case missing || o.DeleteMarker:
			return deleted{}, nil, noSuchKey(d.key)
		case d.etag != nil && !sameETag(*d.etag, o.ETag), d.size != nil && *d.size != o.Size,
			d.modified != nil && !d.modified.Truncate(time.Second).Equal(o.Modified.Time().Truncate(time.Second)):
			return deleted{}, nil, preconditionFailed("If-Match")
		}
	}
	if d.version != "" || b.Versioning == "" {
		if missing {
			return deleted{version: d.version}, nil, nil // deleting what is not there succeeds
		}
		if protected(o.Lock, tx.Now, d.bypass) {
			return deleted{}, nil, lockedObject()
		}
		dead, err := drop(ctx, tx, b, o)
		return deleted{marker: o.DeleteMarker, version: d.version, gone: &o.ObjectVersion}, dead, err
	}
	marker := state.Object{ObjectVersion: state.ObjectVersion{Key: d.key, DeleteMarker: true, Owner: b.AccountID}}
	dead, err := add(ctx, tx, b, &marker)
	return deleted{marker: true, version: marker.VersionID, made: &marker.ObjectVersion}, dead, err
}

// DeleteObject removes a version, or hides the object behind a delete marker.
func (s *Service) DeleteObject(ctx context.Context, c *api.Caller, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	return s.delete(ctx, c, in, nil)
}

func (s *Service) delete(ctx context.Context, c *api.Caller, in *s3.DeleteObjectInput, taken note) (*s3.DeleteObjectOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	bypass := s.bypasses(ctx, c, b, *in.Key, in.BypassGovernanceRetention)
	var result deleted
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		result, dead, err = remove(ctx, tx, b, deletion{*in.Key, str(in.VersionId), in.IfMatch, in.IfMatchSize, in.IfMatchLastModifiedTime, bypass})
		if err != nil {
			return err
		}
		if err := s.tellOfDeletion(ctx, tx, c, b, result); err != nil || taken == nil {
			return err
		}
		return taken(ctx, tx, result.version)
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(dead...)
	out := &s3.DeleteObjectOutput{VersionId: optional(result.version)}
	if result.marker {
		out.DeleteMarker = &result.marker
	}
	return out, nil
}

// mostDeletes is the greatest number of keys in a DeleteObjects.
const mostDeletes = 1000

// deleteObjectsAccess only finds the bucket: whether the caller may delete is asked for each key, and told for each.
func (s *Service) deleteObjectsAccess(ctx context.Context, c *api.Caller, in *s3.DeleteObjectsInput) ([]api.Access, error) {
	_, err := s.target(ctx, c, target{bucket: str(in.Bucket), owner: str(in.ExpectedBucketOwner)})
	return nil, err
}

// DeleteObjects deletes up to a thousand objects and tells of each what became of it.
func (s *Service) DeleteObjects(ctx context.Context, c *api.Caller, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > mostDeletes {
		return nil, malformedXML()
	}
	quiet := in.Delete.Quiet != nil && *in.Delete.Quiet
	results := make([]deleted, len(in.Delete.Objects))
	failures := make([]error, len(in.Delete.Objects))
	bypass := make([]bool, len(in.Delete.Objects))
	for i, each := range in.Delete.Objects {
		action := "DeleteObject"
		var keys map[string][]string
		if each.VersionId != nil {
			action = "DeleteObjectVersion"
			keys = map[string][]string{"s3:VersionId": {*each.VersionId}}
		}
		if failures[i] = checkKey(str(each.Key)); failures[i] == nil {
			failures[i] = s.door.Authorize(ctx, c, "s3", bucketAccess(b, action, objectARN(b.Name, *each.Key), keys))
		}
		if failures[i] == nil && each.VersionId != nil {
			bypass[i] = s.bypasses(ctx, c, b, *each.Key, in.BypassGovernanceRetention)
		}
	}
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		for i, each := range in.Delete.Objects {
			if failures[i] != nil {
				continue
			}
			result, contents, err := remove(ctx, tx, b, deletion{*each.Key, str(each.VersionId), each.ETag, each.Size, each.LastModifiedTime, bypass[i]})
			if err != nil && api.Code(err) == "" {
				return err
			}
			results[i], failures[i] = result, err
			dead = append(dead, contents...)
			if err := s.tellOfDeletion(ctx, tx, c, b, result); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(dead...)
	out := &s3.DeleteObjectsOutput{}
	for i, each := range in.Delete.Objects {
		if err := failures[i]; err != nil {
			code, message := api.Code(err), messageOf(err)
			if code == "" {
				return nil, err
			}
			out.Errors = append(out.Errors, types.Error{Key: each.Key, VersionId: each.VersionId, Code: &code, Message: &message})
			continue
		}
		if quiet {
			continue
		}
		d := types.DeletedObject{Key: each.Key, VersionId: each.VersionId}
		if results[i].marker {
			d.DeleteMarker, d.DeleteMarkerVersionId = ptr(true), optional(results[i].version)
		}
		out.Deleted = append(out.Deleted, d)
	}
	return out, nil
}
