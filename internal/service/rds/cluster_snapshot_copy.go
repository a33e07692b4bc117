package rds

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// clusterCopy is a copy of a cluster snapshot that a call asks for.
type clusterCopy struct {
	from state.DBSnapshot
	id   string
	key  *string // of KMS, as the call names it
	tags map[string]string
}

// CopyDBClusterSnapshot copies a cluster snapshot, the caller's or one that is shared with it, from any Region into the caller's.
func (s *Service) CopyDBClusterSnapshot(ctx context.Context, c *api.Caller, in *rds.CopyDBClusterSnapshotInput) (*rds.CopyDBClusterSnapshotOutput, error) {
	w, err := s.wishedClusterCopy(ctx, c, in)
	if err != nil {
		return nil, err
	}
	keyARN := w.from.KeyARN
	if w.key != nil {
		if keyARN, err = s.Fleet.ResolveKey(ctx, c, *w.key); err != nil {
			return nil, err
		}
	}
	snap := fleet.NewCopy(w.from, c, w.id, keyARN)
	snap.Tags = w.tags
	// The copier must be able to use both keys: of what is read, and of what is written.
	if err := s.Fleet.GrantArchive(ctx, c, w.from.DomainKeyARN, fleet.Location(w.from.Source())); err != nil {
		return nil, err
	}
	if err := s.Fleet.GrantArchive(ctx, c, snap.KeyARN, fleet.Location(snap.Source())); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now, err := tx.DBSnapshotByPoint(ctx, w.from.Point)
		if errors.Is(err, state.ErrNotFound) || (err == nil && now.Status != "available") {
			return errClusterSnapshotNotFound(w.from.ID)
		}
		if err != nil {
			return err
		}
		snap, err = enterClusterSnapshot(ctx, s.Fleet, tx, snap)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Take(snap)
	return &rds.CopyDBClusterSnapshotOutput{DBClusterSnapshot: describeClusterSnapshot(snap)}, nil
}

// wishedClusterCopy checks what a call asks for.
func (s *Service) wishedClusterCopy(ctx context.Context, c *api.Caller, in *rds.CopyDBClusterSnapshotInput) (w clusterCopy, err error) {
	if w.id, err = identifier("TargetDBClusterSnapshotIdentifier", in.TargetDBClusterSnapshotIdentifier, longestInstance); err != nil {
		return w, err
	}
	from := c
	if a, err := arn.Parse(deref(in.SourceDBClusterSnapshotIdentifier)); err == nil && a.Region != "" {
		from = c.In(a.Region)
	}
	if w.from, err = s.usableCluster(ctx, from, in.SourceDBClusterSnapshotIdentifier); err != nil {
		return w, err
	}
	if w.tags, err = tagsFrom(c, in.Tags); err != nil {
		return w, err
	}
	if deref(in.CopyTags) && len(in.Tags) == 0 {
		w.tags = ownTags(w.from.Tags)
	}
	w.key = in.KmsKeyId
	return w, clusterCopyKey(c, w)
}

// ownTags are those of a snapshot that a user gave it.
func ownTags(tags map[string]string) map[string]string {
	own := maps.Clone(tags)
	maps.DeleteFunc(own, func(key, _ string) bool { return len(key) > 4 && key[:4] == "aws:" })
	return own
}

// clusterCopyKey refuses a copy whose key does not go together with where the snapshot comes from: an unencrypted one of a
// cluster stays so, and the key of an encrypted one must be named where the source's cannot be used. That the first is an error AWS
// documents, without its text.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBClusterSnapshot.html
func clusterCopyKey(c *api.Caller, w clusterCopy) error {
	switch {
	case w.from.KeyARN == "" && w.key != nil:
		return errCombination("You can't encrypt an unencrypted DB cluster snapshot when you copy it. Copy it without KmsKeyId.")
	case w.from.KeyARN == "" || w.key != nil:
		return nil
	case w.from.Region != c.Region:
		return errValue("Must specify new KMS key for cross region encrypted snapshot copy.")
	case w.from.AccountID != c.AccountID:
		return errValue("Must specify a KMS key to copy an encrypted snapshot that is shared from another account.")
	}
	return nil
}

func (s *Service) copyClusterSnapshotAccess(ctx context.Context, c *api.Caller, in *rds.CopyDBClusterSnapshotInput) ([]api.Access, error) {
	const action = "rds:CopyDBClusterSnapshot"
	w, err := s.wishedClusterCopy(ctx, c, in)
	if err != nil {
		return named(err, action, nameOf(c, "cluster-snapshot", in.SourceDBClusterSnapshotIdentifier))
	}
	target := fleet.SnapshotARN(state.ClusterSnapshot, c.AccountID, c.Region, w.id)
	source := ofSnapshot(action, w.from)
	source.Context = fleet.WithRequestTags(source.Context, w.tags)
	return fleet.TaggedOnCreation([]api.Access{
		source, {Action: action, Resource: target, Context: fleet.WithRequestTags(nil, w.tags)},
	}, target, w.tags), nil
}
