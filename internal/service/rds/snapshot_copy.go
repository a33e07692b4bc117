package rds

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// CopyDBSnapshot makes a snapshot of what another has: of the account, in this Region or another, or of another account that
// shares it. It is copying when the call returns.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
func (s *Service) CopyDBSnapshot(ctx context.Context, c *api.Caller, in *rds.CopyDBSnapshotInput) (*rds.CopyDBSnapshotOutput, error) {
	source, err := s.copySource(ctx, c, in.SourceDBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	snap, err := s.copyOf(ctx, c, source, in)
	if err != nil {
		return nil, err
	}
	// Who copies must be able to use the source's key, and the copy's; RDS uses both from then on.
	if err := s.Fleet.GrantArchive(ctx, c, source.DomainKeyARN, fleet.Location(source.Source())); err != nil {
		return nil, err
	}
	if err := s.Fleet.GrantArchive(ctx, c, snap.KeyARN, fleet.Location(snap.Source())); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		// It must still be there: from now on it stays until it is copied.
		now, err := tx.DBSnapshotByPoint(ctx, source.Point)
		if errors.Is(err, state.ErrNotFound) || (err == nil && (now.Status != "available" || !now.VisibleTo(c.AccountID))) {
			return errSnapshotNotFound(source.ID)
		}
		if err != nil {
			return err
		}
		snap, err = enterSnapshot(ctx, s.Fleet, tx, snap)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Fleet.Take(snap)
	d := describeSnapshot(snap)
	return &rds.CopyDBSnapshotOutput{DBSnapshot: &d}, nil
}

// copySource finds the snapshot that a call copies: one of this Region by its identifier or ARN, one of another Region by ARN.
func (s *Service) copySource(ctx context.Context, c *api.Caller, given *string) (state.DBSnapshot, error) {
	if deref(given) == "" {
		return state.DBSnapshot{}, errMissing("SourceDBSnapshotIdentifier")
	}
	region := c.Region
	if a, err := arn.Parse(*given); err == nil && a.Service == "rds" {
		if a.Region != c.Region && a.AccountID != c.AccountID {
			return state.DBSnapshot{}, errValue("The snapshot %s of another account cannot be copied from another Region. Copy it in its Region first.", *given)
		}
		region = a.Region
	}
	return s.usable(ctx, c.In(region), given)
}

// copyOf is the row of the copy that a call asks for.
func (s *Service) copyOf(ctx context.Context, c *api.Caller, source state.DBSnapshot, in *rds.CopyDBSnapshotInput) (state.DBSnapshot, error) {
	if err := unsupported(map[string]bool{
		"SnapshotTarget " + deref(in.SnapshotTarget): in.SnapshotTarget != nil && *in.SnapshotTarget != "region",
		"TargetCustomAvailabilityZone":               in.TargetCustomAvailabilityZone != nil, "SnapshotAvailabilityZone": in.SnapshotAvailabilityZone != nil,
	}); err != nil {
		return state.DBSnapshot{}, err
	}
	id, err := identifier("TargetDBSnapshotIdentifier", in.TargetDBSnapshotIdentifier, longestSnapshot)
	if err != nil {
		return state.DBSnapshot{}, err
	}
	tags, err := copiedTags(c, source, in)
	if err != nil {
		return state.DBSnapshot{}, err
	}
	key, err := s.copyKey(ctx, c, source, in.KmsKeyId)
	if err != nil {
		return state.DBSnapshot{}, err
	}
	snap := fleet.NewCopy(source, c, id, key)
	snap.Tags = tags
	if source.AccountID != c.AccountID || source.Region != c.Region {
		// Groups and zones do not go along; a copy elsewhere has the default option group.
		snap.Settings.ParameterGroup, snap.Settings.SubnetGroup, snap.Settings.SecurityGroups, snap.Settings.AvailabilityZone = "", "", nil, ""
		snap.Settings.OptionGroup = defaultOptionGroup(source.Engine, source.EngineVersion)
	}
	if in.OptionGroupName != nil {
		snap.Settings.OptionGroup = optionGroupName(in.OptionGroupName)
		err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			return s.checkGroups(ctx, tx, c, state.InstanceParameters, state.DBInstanceSettings{OptionGroup: snap.Settings.OptionGroup}, source.Engine, source.EngineVersion)
		})
	}
	return snap, err
}

// copiedTags are those that a copy gets: its own, and the source's where they are to be copied. Those of another account are
// not to be seen.
func copiedTags(c *api.Caller, source state.DBSnapshot, in *rds.CopyDBSnapshotInput) (map[string]string, error) {
	own, err := tagsFrom(c, in.Tags)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	if deref(in.CopyTags) {
		if source.AccountID != c.AccountID {
			return nil, errCombination("CopyTags cannot be used for a snapshot that another account shares.")
		}
		for key, value := range source.Tags {
			if !strings.HasPrefix(strings.ToLower(key), "aws:") {
				tags[key] = value
			}
		}
	}
	maps.Copy(tags, own)
	return tags, nil
}

// copyKey is the key of a copy. An encrypted snapshot of another Region or account gets a key that the call names, one of here the
// source's own unless another is named; one that is not encrypted may become so. The text across Regions is AWS's own; that across
// accounts is not: RDS documents that a key must be given and answers with this code.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
// https://github.com/1Strategy/rds-oracle-cross-account-cross-region-dr/issues/1
func (s *Service) copyKey(ctx context.Context, c *api.Caller, source state.DBSnapshot, given *string) (string, error) {
	switch {
	case deref(given) != "":
		return s.Fleet.ResolveKey(ctx, c, *given)
	case source.KeyARN == "":
		return "", nil
	case source.Region != c.Region:
		return "", errRegionKeyMissing()
	case source.AccountID != c.AccountID:
		return "", &api.Error{
			Code: "KMSKeyNotAccessibleFault", Status: http.StatusBadRequest,
			Message: "A KMS key of this account must be specified to copy an encrypted snapshot that another account shares.",
		}
	}
	return source.KeyARN, nil
}

func (s *Service) copySnapshotAccess(ctx context.Context, c *api.Caller, in *rds.CopyDBSnapshotInput) ([]api.Access, error) {
	const action = "rds:CopyDBSnapshot"
	target := nameOf(c, "snapshot", in.TargetDBSnapshotIdentifier)
	tags, err := tagsFrom(c, in.Tags)
	if err != nil {
		return named(err, action, target)
	}
	source, err := s.copySource(ctx, c, in.SourceDBSnapshotIdentifier)
	if err != nil {
		return named(err, action, nameOf(c, "snapshot", in.SourceDBSnapshotIdentifier))
	}
	accesses := []api.Access{
		{
			Action: action, Resource: fleet.SnapshotARN(source.Kind, source.AccountID, source.Region, source.ID),
			Context: fleet.WithRequestTags(fleet.SnapshotConditions(source), tags),
		},
		{Action: action, Resource: target, Context: fleet.WithRequestTags(nil, tags)},
	}
	accesses = append(accesses, groupAccesses(c, action, "", optionGroupName(in.OptionGroupName), "")...)
	return fleet.TaggedOnCreation(accesses, target, tags), nil
}
