package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// changeObject changes what may change of a version.
func (s *Service) changeObject(ctx context.Context, c *api.Caller, bucket, key, version *string, fn func(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) error) (shown *string, err error) {
	b, err := s.bucket(ctx, c, bucket)
	if err != nil {
		return nil, err
	}
	o, err := s.readable(ctx, c, b, *key, str(version), "PUT")
	if err != nil {
		return nil, err
	}
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		o, err := findIn(ctx, tx, b.ID, o.Key, o.VersionID)
		if err != nil {
			return err
		}
		return fn(ctx, tx, b, o)
	})
	return shownVersion(b, o.VersionID), err
}

// GetObjectTagging lists the tags of a version.
func (s *Service) GetObjectTagging(ctx context.Context, c *api.Caller, in *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	o, err := s.readable(ctx, c, b, *in.Key, str(in.VersionId), "GET")
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectTaggingOutput{TagSet: tagSet(o.Tags), VersionId: shownVersion(b, o.VersionID)}, nil
}

// PutObjectTagging replaces them.
func (s *Service) PutObjectTagging(ctx context.Context, c *api.Caller, in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
	if in.Tagging == nil {
		return nil, malformedXML()
	}
	tags, err := tagMap(in.Tagging.TagSet, mostObjectTags)
	if err != nil {
		return nil, err
	}
	version, err := s.changeObject(ctx, c, in.Bucket, in.Key, in.VersionId, func(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) error {
		if err := tx.SetObjectTags(ctx, o.ObjectVersion, tags); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, b, objectTagged(o.ObjectVersion, false))
	})
	return &s3.PutObjectTaggingOutput{VersionId: version}, err
}

func putObjectTaggingConditions(in *s3.PutObjectTaggingInput, conditions map[string][]string) []string {
	if in.Tagging != nil {
		if tags, err := tagMap(in.Tagging.TagSet, mostObjectTags); err == nil {
			requestTags(tags, conditions)
		}
	}
	return nil
}

// DeleteObjectTagging removes them.
func (s *Service) DeleteObjectTagging(ctx context.Context, c *api.Caller, in *s3.DeleteObjectTaggingInput) (*s3.DeleteObjectTaggingOutput, error) {
	version, err := s.changeObject(ctx, c, in.Bucket, in.Key, in.VersionId, func(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) error {
		if err := tx.SetObjectTags(ctx, o.ObjectVersion, nil); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, b, objectTagged(o.ObjectVersion, true))
	})
	return &s3.DeleteObjectTaggingOutput{VersionId: version}, err
}
