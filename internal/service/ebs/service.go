// Package ebs is the EBS direct APIs: snapshots are written and read block by block, without a volume. The blocks are
// kept by the engine of package resource/ebs; here are only the shapes, the checks and the block tokens.
package ebs

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	engine "strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

// Config is what the service needs.
type Config struct {
	DB     *state.DB
	Clock  clock.Clock // block tokens expire by it
	Engine *engine.Engine
	// Pages seals the tokens of lists and of blocks.
	Pages *page.Sealer
}

// Service is the EBS direct APIs in every account and Region. Its methods may be called at once.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service { return &Service{c} }

// API is the table of the service's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:          "ebs",
		EventSource:   "ebs.amazonaws.com",
		AccessDenied:  "AccessDeniedException",
		Authorization: authorization,
		Operations: []api.Operation{
			api.Op("", s.StartSnapshot, s.startSnapshotAccess),
			api.Op("", s.PutSnapshotBlock, s.putSnapshotBlockAccess).AsData(),
			api.Op("", s.CompleteSnapshot, s.completeSnapshotAccess),
			api.Op("", s.ListSnapshotBlocks, s.listSnapshotBlocksAccess).AsData(),
			api.Op("", s.ListChangedBlocks, s.listChangedBlocksAccess).AsData(),
			api.Op("", s.GetSnapshotBlock, s.getSnapshotBlockAccess).AsData(),
		},
	}
}

// The reasons of https://docs.aws.amazon.com/ebs/latest/APIReference/API_Operations.html
func errNotFound(id string) *api.Error {
	return &api.Error{
		Code: "ResourceNotFoundException", Message: "The snapshot '" + id + "' does not exist.", Status: http.StatusNotFound,
		Members: map[string]string{"Reason": "SNAPSHOT_NOT_FOUND"},
	}
}

func invalid(reason, format string, args ...any) *api.Error {
	e := api.Errorf("ValidationException", format, args...)
	e.Members = map[string]string{"Reason": reason}
	return e
}

// told gives an error of a dependency the service's own form.
func told(err error) error {
	var e *api.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case strings.HasPrefix(e.Code, "InvalidKmsKey."):
		return &api.Error{
			Code: "AccessDeniedException", Message: e.Message, Status: http.StatusForbidden, Err: err,
			Members: map[string]string{"Reason": "DEPENDENCY_ACCESS_DENIED"},
		}
	case e.Code == "IncorrectState":
		return invalid("INVALID_SNAPSHOT_ID", "%s", e.Message)
	}
	return err
}

var snapshotID = regexp.MustCompile(`^snap-[0-9a-f]+$`)

// find looks up a snapshot of the caller's Region that the caller may see.
func (s *Service) find(ctx context.Context, c *api.Caller, id *string) (state.Snapshot, error) {
	if id == nil || !snapshotID.MatchString(*id) {
		return state.Snapshot{}, invalid("INVALID_SNAPSHOT_ID", "The snapshot id is invalid.")
	}
	snap, err := s.Engine.Snapshot(ctx, *id)
	if errors.Is(err, state.ErrNotFound) || (err == nil && (snap.Region != c.Region || snap.State == "deleting" || !snap.VisibleTo(c.AccountID))) {
		return state.Snapshot{}, errNotFound(*id)
	}
	return snap, err
}

// access is the question of an operation about one snapshot.
func (s *Service) access(ctx context.Context, c *api.Caller, operation string, id *string) ([]api.Access, error) {
	snap, err := s.find(ctx, c, id)
	if err != nil {
		return nil, err
	}
	keys := map[string][]string{"ebs:VolumeSize": {strconv.FormatInt(snap.SizeGiB, 10)}, "ebs:Description": {snap.Description}}
	keys = api.WithResourceTags(keys, snap.Tags)
	return []api.Access{{
		Action: "ebs:" + operation, Resource: engine.SnapshotARN(snap.Region, snap.ID), ResourceAccountID: snap.AccountID, Context: keys,
	}}, nil
}

// deref reads an optional field of the SDK; nil is the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
