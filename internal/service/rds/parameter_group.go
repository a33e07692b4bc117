package rds

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/state"
)

// mostParameterGroups is how many an account may have of a kind in a Region.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
const mostParameterGroups = 50

// parameterGroupTypes are the types of ARNs of the kinds of parameter groups, which are also in the names of their tags.
var parameterGroupTypes = map[string]string{state.InstanceParameters: "pg", state.ClusterParameters: "cluster-pg"}

func parameterGroupARN(g state.DBParameterGroup) string {
	return arn.New("rds", g.Region, g.AccountID, parameterGroupTypes[g.Kind]+":"+g.Name).String()
}

func errParameterGroupNotFound(kind, name string) *api.Error {
	what := "DBParameterGroup"
	if kind == state.ClusterParameters {
		what = "DBClusterParameterGroup"
	}
	return api.Errorf("DBParameterGroupNotFound", "%s not found: %s", what, name).WithStatus(http.StatusNotFound)
}

// groupName is the name of a group that a call means, which may do so by the ARN.
func groupName(given *string) string {
	if a, err := arn.Parse(deref(given)); err == nil {
		_, name := a.Split()
		return strings.ToLower(name)
	}
	return strings.ToLower(deref(given))
}

// parameterGroup finds a group of the caller: one that was made, or a family's default, which every account has.
func (s *Service) parameterGroup(ctx context.Context, tx *state.Tx, c *api.Caller, kind, name string) (state.DBParameterGroup, error) {
	g, err := tx.DBParameterGroup(ctx, kind, c.AccountID, c.Region, name)
	if !errors.Is(err, state.ErrNotFound) {
		return g, err
	}
	for _, g := range s.defaultGroups(ctx, c, kind) {
		if g.Name == name {
			return g, nil
		}
	}
	return g, errParameterGroupNotFound(kind, name)
}

// defaultGroups are the groups of databases whose account did not choose one. They cannot be changed.
func (s *Service) defaultGroups(ctx context.Context, c *api.Caller, kind string) []state.DBParameterGroup {
	var all []state.DBParameterGroup
	for _, f := range s.families(ctx) {
		if slices.Contains(f.kinds, kind) {
			all = append(all, state.DBParameterGroup{
				Kind: kind, AccountID: c.AccountID, Region: c.Region, Name: "default." + f.name(), Family: f.name(),
				Description: "Default parameter group for " + f.name(),
			})
		}
	}
	return all
}

// parameterGroupOf finds the group of a kind that a call names.
func (s *Service) parameterGroupOf(ctx context.Context, c *api.Caller, kind string, given *string) (g state.DBParameterGroup, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		g, err = s.parameterGroup(ctx, tx, c, kind, groupName(given))
		return err
	})
	return g, err
}

// parameterGroupAccess is the question whether the caller may do something to a group of its own.
func (s *Service) parameterGroupAccess(ctx context.Context, c *api.Caller, kind, action string, given *string) ([]api.Access, error) {
	g, err := s.parameterGroupOf(ctx, c, kind, given)
	if err != nil {
		return named(err, "rds:"+action, nameOf(c, parameterGroupTypes[kind], given))
	}
	return []api.Access{{Action: "rds:" + action, Resource: parameterGroupARN(g), Context: groupConditions(parameterGroupTypes[kind], g.Tags)}}, nil
}

// groupConditions are the condition keys of a group's tags: kind is og, pg, cluster-pg or subgrp.
func groupConditions(kind string, tags map[string]string) map[string][]string {
	keys := api.WithResourceTags(nil, tags)
	for name, value := range tags {
		keys["rds:"+kind+"-tag/"+name] = []string{value}
	}
	return keys
}

// newGroupAccess is what whoever makes a group must be allowed.
func newGroupAccess(action, resource string, tags map[string]string) []api.Access {
	return fleet.TaggedOnCreation([]api.Access{{Action: "rds:" + action, Resource: resource, Context: fleet.WithRequestTags(nil, tags)}}, resource, tags)
}

// newParameterGroup checks what a group is asked to be.
func (s *Service) newParameterGroup(ctx context.Context, c *api.Caller, kind, parameter string, name, of, description *string, tags []types.Tag) (state.DBParameterGroup, error) {
	g := state.DBParameterGroup{Kind: kind, AccountID: c.AccountID, Region: c.Region, Family: deref(of), Description: deref(description)}
	var err error
	if g.Name, err = identifier(parameter, name, 255); err != nil {
		return g, err
	}
	if _, known := s.family(ctx, kind, g.Family); !known {
		return g, errValue("ParameterGroupFamily %s is not a valid parameter group family", g.Family)
	}
	if g.Description == "" {
		return g, errMissing("Description")
	}
	g.Tags, err = tagsFrom(c, tags)
	return g, err
}

// enterParameterGroup makes a group.
func (s *Service) enterParameterGroup(ctx context.Context, g state.DBParameterGroup) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.DBParameterGroups(ctx, g.Kind, g.AccountID, g.Region)
		if err != nil {
			return err
		}
		if len(all) >= mostParameterGroups {
			return api.Errorf("DBParameterGroupQuotaExceeded", "Cannot create more than %d parameter groups", mostParameterGroups)
		}
		err = tx.InsertDBParameterGroup(ctx, g)
		if errors.Is(err, state.ErrExists) {
			return api.Errorf("DBParameterGroupAlreadyExists", "Parameter group %s already exists", g.Name)
		}
		return err
	})
}

// copyParameterGroup makes a group of what another has. A source in another account or Region cannot be copied.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBParameterGroup.html
func (s *Service) copyParameterGroup(ctx context.Context, c *api.Caller, kind string, source, target, description *string, tags []types.Tag) (state.DBParameterGroup, error) {
	from, err := s.parameterGroupOf(ctx, c, kind, source)
	if err != nil {
		return from, err
	}
	parameter := "TargetDBParameterGroupIdentifier"
	if kind == state.ClusterParameters {
		parameter = "TargetDBClusterParameterGroupIdentifier"
	}
	g, err := s.newParameterGroup(ctx, c, kind, parameter, target, &from.Family, description, tags)
	if err != nil {
		return g, err
	}
	g.Parameters = maps.Clone(from.Parameters)
	return g, s.enterParameterGroup(ctx, g)
}

func (s *Service) copyParameterGroupAccess(ctx context.Context, c *api.Caller, kind, action string, source, target *string, tags []types.Tag) ([]api.Access, error) {
	given, err := tagsFrom(c, tags)
	if err != nil {
		return named(err, "rds:"+action, nameOf(c, parameterGroupTypes[kind], target))
	}
	accesses, err := s.parameterGroupAccess(ctx, c, kind, action, source)
	if err != nil {
		return nil, err
	}
	g := state.DBParameterGroup{Kind: kind, AccountID: c.AccountID, Region: c.Region, Name: groupName(target)}
	return append(accesses, newGroupAccess(action, parameterGroupARN(g), given)...), nil
}

// deleteParameterGroup removes a group that nothing uses.
func (s *Service) deleteParameterGroup(ctx context.Context, c *api.Caller, kind string, name *string) error {
	return s.changeParameterGroup(ctx, c, kind, name, func(ctx context.Context, tx *state.Tx, g *state.DBParameterGroup) error {
		used, err := parameterGroupUsed(ctx, tx, *g)
		if err != nil {
			return err
		}
		if used {
			return api.Errorf("InvalidDBParameterGroupState",
				"One or more database instances are still members of this parameter group %s, so the group cannot be deleted", g.Name)
		}
		return tx.DeleteDBParameterGroup(ctx, kind, g.AccountID, g.Region, g.Name)
	})
}

func parameterGroupUsed(ctx context.Context, tx *state.Tx, g state.DBParameterGroup) (bool, error) {
	if g.Kind == state.ClusterParameters {
		return clusterParameterGroupUsed(ctx, tx, g)
	}
	instances, err := tx.DBInstances(ctx, g.AccountID, g.Region)
	return slices.ContainsFunc(instances, func(i state.DBInstance) bool { return i.Settings.ParameterGroup == g.Name }), err
}

// changeParameterGroup does something to a group that was made; a family's default is no valid name to do so.
func (s *Service) changeParameterGroup(ctx context.Context, c *api.Caller, kind string, given *string, change func(context.Context, *state.Tx, *state.DBParameterGroup) error) error {
	name := groupName(given)
	parameter := "DBParameterGroupName"
	if kind == state.ClusterParameters {
		parameter = "DBClusterParameterGroupName"
	}
	if strings.HasPrefix(name, "default.") {
		if _, err := identifier(parameter, &name, 255); err != nil {
			return err
		}
	}
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		g, err := s.parameterGroup(ctx, tx, c, kind, name)
		if err != nil {
			return err
		}
		return change(ctx, tx, &g)
	})
}

// parameterGroups are those of a kind that a call means, in the order of their names.
func (s *Service) parameterGroups(ctx context.Context, c *api.Caller, kind string, name *string, filters []types.Filter) (all []state.DBParameterGroup, err error) {
	if name != nil {
		g, err := s.parameterGroupOf(ctx, c, kind, name)
		return []state.DBParameterGroup{g}, err
	}
	if len(filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(filters[0].Name))
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.DBParameterGroups(ctx, kind, c.AccountID, c.Region)
		return err
	})
	all = append(all, s.defaultGroups(ctx, c, kind)...)
	slices.SortFunc(all, func(a, b state.DBParameterGroup) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

func parameterGroupPosition(g state.DBParameterGroup) string { return g.Name }

// describeGroupsAccess is the question whether the caller may list groups, or one.
func describeGroupsAccess(c *api.Caller, action, kind string, name *string) []api.Access {
	named := "*"
	if name != nil {
		named = groupName(name)
	}
	return []api.Access{{Action: "rds:" + action, Resource: arn.New("rds", c.Region, c.AccountID, kind+":"+named).String()}}
}

// CreateDBParameterGroup makes a group for DB instances.
func (s *Service) CreateDBParameterGroup(ctx context.Context, c *api.Caller, in *rds.CreateDBParameterGroupInput) (*rds.CreateDBParameterGroupOutput, error) {
	g, err := s.newParameterGroup(ctx, c, state.InstanceParameters, "DBParameterGroupName", in.DBParameterGroupName, in.DBParameterGroupFamily, in.Description, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBParameterGroupOutput{DBParameterGroup: describeParameterGroup(g)}, s.enterParameterGroup(ctx, g)
}

func (s *Service) createParameterGroupAccess(ctx context.Context, c *api.Caller, in *rds.CreateDBParameterGroupInput) ([]api.Access, error) {
	g, err := s.newParameterGroup(ctx, c, state.InstanceParameters, "DBParameterGroupName", in.DBParameterGroupName, in.DBParameterGroupFamily, in.Description, in.Tags)
	if err != nil {
		return named(err, "rds:CreateDBParameterGroup", nameOf(c, "pg", in.DBParameterGroupName))
	}
	return newGroupAccess("CreateDBParameterGroup", parameterGroupARN(g), g.Tags), nil
}

// CopyDBParameterGroup makes a group for DB instances of what another has.
func (s *Service) CopyDBParameterGroup(ctx context.Context, c *api.Caller, in *rds.CopyDBParameterGroupInput) (*rds.CopyDBParameterGroupOutput, error) {
	g, err := s.copyParameterGroup(ctx, c, state.InstanceParameters, in.SourceDBParameterGroupIdentifier, in.TargetDBParameterGroupIdentifier, in.TargetDBParameterGroupDescription, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CopyDBParameterGroupOutput{DBParameterGroup: describeParameterGroup(g)}, nil
}

// DescribeDBParameterGroups lists the groups for DB instances, or one.
func (s *Service) DescribeDBParameterGroups(ctx context.Context, c *api.Caller, in *rds.DescribeDBParameterGroupsInput) (*rds.DescribeDBParameterGroupsOutput, error) {
	all, err := s.parameterGroups(ctx, c, state.InstanceParameters, in.DBParameterGroupName, in.Filters)
	if err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeDBParameterGroups", c, all, in.MaxRecords, in.Marker, parameterGroupPosition)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBParameterGroupsOutput{Marker: next}
	for _, g := range all {
		out.DBParameterGroups = append(out.DBParameterGroups, *describeParameterGroup(g))
	}
	return out, nil
}

// DeleteDBParameterGroup removes a group that no DB instance uses.
func (s *Service) DeleteDBParameterGroup(ctx context.Context, c *api.Caller, in *rds.DeleteDBParameterGroupInput) (*rds.DeleteDBParameterGroupOutput, error) {
	return &rds.DeleteDBParameterGroupOutput{}, s.deleteParameterGroup(ctx, c, state.InstanceParameters, in.DBParameterGroupName)
}

func describeParameterGroup(g state.DBParameterGroup) *types.DBParameterGroup {
	name := parameterGroupARN(g)
	return &types.DBParameterGroup{DBParameterGroupArn: &name, DBParameterGroupFamily: &g.Family, DBParameterGroupName: &g.Name, Description: &g.Description}
}

func (s *Service) parameterGroupOperations() []api.Operation {
	const kind = state.InstanceParameters
	return []api.Operation{
		api.Op("", s.CreateDBParameterGroup, s.createParameterGroupAccess),
		api.Op("", s.CopyDBParameterGroup, func(ctx context.Context, c *api.Caller, in *rds.CopyDBParameterGroupInput) ([]api.Access, error) {
			return s.copyParameterGroupAccess(ctx, c, kind, "CopyDBParameterGroup", in.SourceDBParameterGroupIdentifier, in.TargetDBParameterGroupIdentifier, in.Tags)
		}),
		api.Op("", s.DescribeDBParameterGroups, func(_ context.Context, c *api.Caller, in *rds.DescribeDBParameterGroupsInput) ([]api.Access, error) {
			return describeGroupsAccess(c, "DescribeDBParameterGroups", "pg", in.DBParameterGroupName), nil
		}),
		onParameterGroup(s, kind, s.DeleteDBParameterGroup),
		onParameterGroup(s, kind, s.ModifyDBParameterGroup),
		onParameterGroup(s, kind, s.ResetDBParameterGroup),
		onParameterGroup(s, kind, s.DescribeDBParameters),
		unnamed(s.DescribeEngineDefaultParameters),
	}
}

// onParameterGroup is the row of an operation on the group that its input names.
func onParameterGroup[In, Out any](s *Service, kind string, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action, field := api.OperationName(new(In)), "DBParameterGroupName"
	if kind == state.ClusterParameters {
		field = "DBClusterParameterGroupName"
	}
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		name := api.Field(in, field)
		return s.parameterGroupAccess(ctx, c, kind, action, &name)
	})
}

// unnamed is the row of an operation that is about no resource.
func unnamed[In, Out any](fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := "rds:" + api.OperationName(new(In))
	return api.Op("", fn, func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: action, Resource: "*"}}, nil
	})
}
