package rds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

const (
	mostSubnetGroups   = 50
	defaultSubnetGroup = "default"
)

// subnet is one of those that a Region has. There are no networks here, so that they are always the same ones, for every account:
// one in each of three Availability Zones, all in one VPC. The group named default shows them.
type subnet struct{ id, zone string }

func subnets(region string) []subnet {
	var all []subnet
	for _, zone := range zones(region) {
		all = append(all, subnet{"subnet-" + networkID(zone), zone})
	}
	return all
}

func networkID(place string) string {
	sum := sha256.Sum256([]byte(place))
	return hex.EncodeToString(sum[:])[:17]
}

func subnetGroupARN(g state.DBSubnetGroup) string {
	return arn.New("rds", g.Region, g.AccountID, "subgrp:"+g.Name).String()
}

func errSubnetGroupNotFound(name string) *api.Error {
	return api.Errorf("DBSubnetGroupNotFoundFault", "DB subnet group '%s' does not exist.", name).WithStatus(http.StatusNotFound)
}

// subnetGroup finds a group of the caller; the one named default every account has.
func subnetGroup(ctx context.Context, tx *state.Tx, c *api.Caller, given *string) (state.DBSubnetGroup, error) {
	name := groupName(given)
	g, err := tx.DBSubnetGroup(ctx, c.AccountID, c.Region, name)
	switch {
	case errors.Is(err, state.ErrNotFound) && name == defaultSubnetGroup:
		return builtinSubnetGroup(c), nil
	case errors.Is(err, state.ErrNotFound):
		return g, errSubnetGroupNotFound(name)
	}
	return g, err
}

func builtinSubnetGroup(c *api.Caller) state.DBSubnetGroup {
	g := state.DBSubnetGroup{AccountID: c.AccountID, Region: c.Region, Name: defaultSubnetGroup, Description: "default"}
	for _, s := range subnets(c.Region) {
		g.Subnets = append(g.Subnets, s.id)
	}
	return g
}

// checkSubnets refuses subnets that the Region does not have, and too few.
func checkSubnets(c *api.Caller, ids []string) error {
	if len(ids) == 0 {
		return errMissing("SubnetIds")
	}
	zones := map[string]bool{}
	for _, id := range ids {
		i := slices.IndexFunc(subnets(c.Region), func(s subnet) bool { return s.id == id })
		if i < 0 {
			return api.Errorf("InvalidSubnet", "The requested subnet %s is invalid, or multiple subnets were requested that are not all in a common VPC.", id)
		}
		zones[subnets(c.Region)[i].zone] = true
	}
	if len(zones) < 2 {
		for zone := range zones {
			return api.Errorf("DBSubnetGroupDoesNotCoverEnoughAZs",
				"The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: %s. Add subnets to cover at least 2 AZs.", zone)
		}
	}
	return nil
}

func newSubnetGroup(c *api.Caller, in *rds.CreateDBSubnetGroupInput) (state.DBSubnetGroup, error) {
	g := state.DBSubnetGroup{AccountID: c.AccountID, Region: c.Region, Description: deref(in.DBSubnetGroupDescription)}
	var err error
	if g.Name, err = subnetGroupName(in.DBSubnetGroupName); err != nil {
		return g, err
	}
	if g.Description == "" {
		return g, errMissing("DBSubnetGroupDescription")
	}
	if err := checkSubnets(c, in.SubnetIds); err != nil {
		return g, err
	}
	g.Subnets = slices.Compact(slices.Sorted(slices.Values(in.SubnetIds)))
	g.Tags, err = tagsFrom(c, in.Tags)
	return g, err
}

// subnetGroupName checks the name of a new group, in which more characters may stand than in other identifiers.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html
func subnetGroupName(given *string) (string, error) {
	name := strings.ToLower(deref(given))
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(" ._-", r)
	}
	switch {
	case name == "":
		return "", errMissing("DBSubnetGroupName")
	case len(name) > 255 || name == defaultSubnetGroup || name[0] < 'a' || name[0] > 'z' || strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }):
		return "", errValue("The parameter DBSubnetGroupName must begin with a letter, have at most 255 letters, numbers, periods, underscores, spaces and hyphens, and must not be default.")
	}
	return name, nil
}

// CreateDBSubnetGroup makes a group of subnets.
func (s *Service) CreateDBSubnetGroup(ctx context.Context, c *api.Caller, in *rds.CreateDBSubnetGroupInput) (*rds.CreateDBSubnetGroupOutput, error) {
	g, err := newSubnetGroup(c, in)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.DBSubnetGroups(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		if len(all) >= mostSubnetGroups {
			return api.Errorf("DBSubnetGroupQuotaExceeded", "Cannot create more than %d DB subnet groups", mostSubnetGroups)
		}
		err = tx.InsertDBSubnetGroup(ctx, g)
		if errors.Is(err, state.ErrExists) {
			return api.Errorf("DBSubnetGroupAlreadyExists", "The DB subnet group '%s' already exists.", g.Name)
		}
		return err
	})
	return &rds.CreateDBSubnetGroupOutput{DBSubnetGroup: describeSubnetGroup(g)}, err
}

func (s *Service) createSubnetGroupAccess(_ context.Context, c *api.Caller, in *rds.CreateDBSubnetGroupInput) ([]api.Access, error) {
	g, err := newSubnetGroup(c, in)
	if err != nil {
		return named(err, "rds:CreateDBSubnetGroup", nameOf(c, "subgrp", in.DBSubnetGroupName))
	}
	return newGroupAccess("CreateDBSubnetGroup", subnetGroupARN(g), g.Tags), nil
}

// ModifyDBSubnetGroup replaces the subnets of a group, and its description if one is given.
func (s *Service) ModifyDBSubnetGroup(ctx context.Context, c *api.Caller, in *rds.ModifyDBSubnetGroupInput) (*rds.ModifyDBSubnetGroupOutput, error) {
	if err := checkSubnets(c, in.SubnetIds); err != nil {
		return nil, err
	}
	var g state.DBSubnetGroup
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if g, err = subnetGroup(ctx, tx, c, in.DBSubnetGroupName); err != nil {
			return err
		}
		if g.Name == defaultSubnetGroup {
			return errValue("The DB subnet group default cannot be modified.")
		}
		g.Subnets = slices.Compact(slices.Sorted(slices.Values(in.SubnetIds)))
		if in.DBSubnetGroupDescription != nil {
			g.Description = *in.DBSubnetGroupDescription
		}
		return tx.UpdateDBSubnetGroup(ctx, g)
	})
	return &rds.ModifyDBSubnetGroupOutput{DBSubnetGroup: describeSubnetGroup(g)}, err
}

// DeleteDBSubnetGroup removes a group that nothing lies in.
func (s *Service) DeleteDBSubnetGroup(ctx context.Context, c *api.Caller, in *rds.DeleteDBSubnetGroupInput) (*rds.DeleteDBSubnetGroupOutput, error) {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		g, err := subnetGroup(ctx, tx, c, in.DBSubnetGroupName)
		if err != nil {
			return err
		}
		used, err := subnetGroupUsed(ctx, tx, g)
		if err != nil {
			return err
		}
		if used || g.Name == defaultSubnetGroup {
			return api.Errorf("InvalidDBSubnetGroupStateFault",
				"Cannot delete the subnet group '%s' because at least one database instance is still using it.", g.Name)
		}
		return tx.DeleteDBSubnetGroup(ctx, g.AccountID, g.Region, g.Name)
	})
	return &rds.DeleteDBSubnetGroupOutput{}, err
}

func subnetGroupUsed(ctx context.Context, tx *state.Tx, g state.DBSubnetGroup) (bool, error) {
	instances, err := tx.DBInstances(ctx, g.AccountID, g.Region)
	if err != nil || slices.ContainsFunc(instances, func(i state.DBInstance) bool { return i.Settings.SubnetGroup == g.Name }) {
		return true, err
	}
	clusters, err := tx.DBClusters(ctx, g.AccountID, g.Region)
	return slices.ContainsFunc(clusters, func(k state.DBCluster) bool { return k.Settings.SubnetGroup == g.Name }), err
}

// DescribeDBSubnetGroups lists the groups of subnets, or one.
func (s *Service) DescribeDBSubnetGroups(ctx context.Context, c *api.Caller, in *rds.DescribeDBSubnetGroupsInput) (*rds.DescribeDBSubnetGroupsOutput, error) {
	if len(in.Filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(in.Filters[0].Name))
	}
	var all []state.DBSubnetGroup
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if in.DBSubnetGroupName != nil {
			g, err := subnetGroup(ctx, tx, c, in.DBSubnetGroupName)
			all = append(all, g)
			return err
		}
		all, err = tx.DBSubnetGroups(ctx, c.AccountID, c.Region)
		all = append(all, builtinSubnetGroup(c))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b state.DBSubnetGroup) int { return strings.Compare(a.Name, b.Name) })
	all, next, err := page(s.Pages, "DescribeDBSubnetGroups", c, all, in.MaxRecords, in.Marker, func(g state.DBSubnetGroup) string { return g.Name })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBSubnetGroupsOutput{Marker: next}
	for _, g := range all {
		out.DBSubnetGroups = append(out.DBSubnetGroups, *describeSubnetGroup(g))
	}
	return out, nil
}

// describeSubnetGroup is the SDK's form of a group.
func describeSubnetGroup(g state.DBSubnetGroup) *types.DBSubnetGroup {
	name, complete, active, vpc := subnetGroupARN(g), "Complete", "Active", "vpc-"+networkID(g.Region)
	out := &types.DBSubnetGroup{
		DBSubnetGroupArn: &name, DBSubnetGroupDescription: &g.Description, DBSubnetGroupName: &g.Name, SubnetGroupStatus: &complete,
		SupportedNetworkTypes: []string{"IPV4"}, VpcId: &vpc,
	}
	for _, s := range subnets(g.Region) {
		if slices.Contains(g.Subnets, s.id) {
			out.Subnets = append(out.Subnets, types.Subnet{
				SubnetIdentifier: &s.id, SubnetStatus: &active, SubnetAvailabilityZone: &types.AvailabilityZone{Name: &s.zone},
			})
		}
	}
	return out
}

func (s *Service) subnetGroupOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CreateDBSubnetGroup, s.createSubnetGroupAccess),
		onSubnetGroup(s, s.ModifyDBSubnetGroup),
		onSubnetGroup(s, s.DeleteDBSubnetGroup),
		api.Op("", s.DescribeDBSubnetGroups, func(_ context.Context, c *api.Caller, in *rds.DescribeDBSubnetGroupsInput) ([]api.Access, error) {
			return describeGroupsAccess(c, "DescribeDBSubnetGroups", "subgrp", in.DBSubnetGroupName), nil
		}),
	}
}

// onSubnetGroup is the row of an operation on the group that its input names.
func onSubnetGroup[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := "rds:" + api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		name := api.Field(in, "DBSubnetGroupName")
		var g state.DBSubnetGroup
		err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			g, err = subnetGroup(ctx, tx, c, &name)
			return err
		})
		if err != nil {
			return named(err, action, nameOf(c, "subgrp", &name))
		}
		return []api.Access{{Action: action, Resource: subnetGroupARN(g), Context: groupConditions("subgrp", g.Tags)}}, nil
	})
}
