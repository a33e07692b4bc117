package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/state"
)

// writeToken names a write in the notes.
func writeToken(in *s3kind.WriteOnceInput) string { return in.JobID + "/" + in.Name }

func (s *Service) writeOnceAccess() accesses[s3kind.WriteOnceInput] {
	put := onObject(s, "PutObject", "PutObject", s.putObjectConditions)
	remove := onObject[s3.DeleteObjectInput](s, "DeleteObject", "DeleteObjectVersion", nil)
	return func(ctx context.Context, c *api.Caller, in *s3kind.WriteOnceInput) ([]api.Access, error) {
		if in.Put != nil {
			return put(ctx, c, in.Put)
		}
		return remove(ctx, c, in.Delete)
	}
}

// errBefore says that the write was made by an earlier run.
var errBefore = errors.New("written before")

// WriteOnce makes the write unless an earlier run of the job made it: the note of it is part of the same transaction.
func (s *Service) WriteOnce(ctx context.Context, c *api.Caller, in *s3kind.WriteOnceInput) (*s3kind.WriteOnceOutput, error) {
	before := func() (*s3kind.WriteOnceOutput, error) {
		out := &s3kind.WriteOnceOutput{Before: true}
		err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			out.VersionID, err = tx.ObjectToken(ctx, writeToken(in))
			return err
		})
		return out, err
	}
	if out, err := before(); !errors.Is(err, state.ErrNotFound) {
		return out, err
	}
	out := &s3kind.WriteOnceOutput{}
	note := func(ctx context.Context, tx *state.Tx, versionID string) error {
		out.VersionID = versionID
		err := tx.InsertObjectToken(ctx, writeToken(in), versionID)
		if errors.Is(err, state.ErrExists) {
			err = errBefore
		}
		return err
	}
	var err error
	if in.Put != nil {
		_, err = s.put(ctx, c, in.Put, in.Known, note)
	} else {
		_, err = s.delete(ctx, c, in.Delete, note)
	}
	if errors.Is(err, errBefore) {
		return before()
	}
	return out, err
}

// ForgetWrites drops the notes of a job that is over.
func (s *Service) ForgetWrites(ctx context.Context, jobID string) error {
	return s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteObjectTokens(ctx, jobID) })
}
