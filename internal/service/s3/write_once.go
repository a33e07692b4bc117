package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// WriteOnceInput is a write that a job makes once, however often it is run again: either of Put and Delete. The operation
// has no route; it needs the rights of the write it makes.
type WriteOnceInput struct {
	Put    *s3.PutObjectInput
	Delete *s3.DeleteObjectInput // without a version: it makes a delete marker
	JobID  string
	Name   string // tells the write from the job's others
}

// WriteOnceOutput tells the version that was made, now or by an earlier run.
type WriteOnceOutput struct {
	VersionID string
	Before    bool // by an earlier run
}

func (in *WriteOnceInput) token() string { return in.JobID + "/" + in.Name }

func (s *Service) writeOnceAccess() accesses[WriteOnceInput] {
	put := onObject(s, "PutObject", "PutObject", putObjectConditions)
	remove := onObject[s3.DeleteObjectInput](s, "DeleteObject", "DeleteObjectVersion", nil)
	return func(ctx context.Context, c *api.Caller, in *WriteOnceInput) ([]api.Access, error) {
		if in.Put != nil {
			return put(ctx, c, in.Put)
		}
		return remove(ctx, c, in.Delete)
	}
}

// errBefore says that the write was made by an earlier run.
var errBefore = errors.New("written before")

// WriteOnce makes the write unless an earlier run of the job made it: the note of it is part of the same transaction.
func (s *Service) WriteOnce(ctx context.Context, c *api.Caller, in *WriteOnceInput) (*WriteOnceOutput, error) {
	before := func() (*WriteOnceOutput, error) {
		out := &WriteOnceOutput{Before: true}
		err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			out.VersionID, err = tx.ObjectToken(ctx, in.token())
			return err
		})
		return out, err
	}
	if out, err := before(); !errors.Is(err, state.ErrNotFound) {
		return out, err
	}
	out := &WriteOnceOutput{}
	note := func(ctx context.Context, tx *state.Tx, versionID string) error {
		out.VersionID = versionID
		err := tx.InsertObjectToken(ctx, in.token(), versionID)
		if errors.Is(err, state.ErrExists) {
			err = errBefore
		}
		return err
	}
	var err error
	if in.Put != nil {
		_, err = s.put(ctx, c, in.Put, note)
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
