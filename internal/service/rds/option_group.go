package rds

import (
	"context"
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

// mostOptionGroups is how many an account may have in a Region.
const mostOptionGroups = 20

// Option groups are there to be named: the options of RDS belong to Oracle and SQL Server, or are plug-ins that this house does
// not load, so that no group has any.

func optionGroupARN(g state.OptionGroup) string {
	return arn.New("rds", g.Region, g.AccountID, "og:"+g.Name).String()
}

func errOptionGroupNotFound(name string) *api.Error {
	return api.Errorf("OptionGroupNotFoundFault", "Specified OptionGroupName: %s not found.", name).WithStatus(http.StatusNotFound)
}

// defaultOptionGroups are the groups of instances whose account did not choose one.
func (s *Service) defaultOptionGroups(ctx context.Context, c *api.Caller) []state.OptionGroup {
	var all []state.OptionGroup
	for _, f := range s.families(ctx) {
		if slices.Contains(f.kinds, state.InstanceParameters) {
			all = append(all, state.OptionGroup{
				AccountID: c.AccountID, Region: c.Region, Name: "default:" + f.engine + "-" + strings.ReplaceAll(f.major, ".", "-"),
				Engine: f.engine, MajorVersion: f.major, Description: "Default option group for " + f.engine + " " + f.major,
			})
		}
	}
	return all
}

// optionGroupName is the name that a call means, which may do so by the ARN; that of a default group has a colon.
func optionGroupName(given *string) string {
	if a, err := arn.Parse(deref(given)); err == nil {
		_, name := a.Split()
		return strings.ToLower(name)
	}
	return strings.ToLower(deref(given))
}

// optionGroup finds a group of the caller.
func (s *Service) optionGroup(ctx context.Context, tx *state.Tx, c *api.Caller, given *string) (state.OptionGroup, error) {
	name := optionGroupName(given)
	g, err := tx.OptionGroup(ctx, c.AccountID, c.Region, name)
	if !errors.Is(err, state.ErrNotFound) {
		return g, err
	}
	for _, g := range s.defaultOptionGroups(ctx, c) {
		if g.Name == name {
			return g, nil
		}
	}
	return g, errOptionGroupNotFound(name)
}

func (s *Service) newOptionGroup(ctx context.Context, c *api.Caller, parameter string, name *string, engine, version, description string, tags []types.Tag) (state.OptionGroup, error) {
	g := state.OptionGroup{AccountID: c.AccountID, Region: c.Region, Engine: engine, MajorVersion: version, Description: description}
	var err error
	if g.Name, err = identifier(parameter, name, 255); err != nil {
		return g, err
	}
	of := slices.DeleteFunc(s.families(ctx), func(f family) bool { return f.engine != engine || !slices.Contains(f.kinds, state.InstanceParameters) })
	switch {
	case len(of) == 0:
		return g, errValue("Invalid DB engine: %s", engine)
	case of[0].major != version:
		return g, errCombination("Cannot find major version %s for %s", version, engine)
	case description == "":
		return g, errMissing("OptionGroupDescription")
	}
	g.Tags, err = tagsFrom(c, tags)
	return g, err
}

func (s *Service) enterOptionGroup(ctx context.Context, g state.OptionGroup) (state.OptionGroup, error) {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.OptionGroups(ctx, g.AccountID, g.Region)
		if err != nil {
			return err
		}
		if len(all) >= mostOptionGroups {
			return api.Errorf("OptionGroupQuotaExceededFault", "Cannot create more than %d option groups", mostOptionGroups)
		}
		g, err = tx.InsertOptionGroup(ctx, g)
		if errors.Is(err, state.ErrExists) {
			return api.Errorf("OptionGroupAlreadyExistsFault", "An option group named %s already exists.", g.Name)
		}
		return err
	})
	return g, err
}

// CreateOptionGroup makes an option group for an engine's major version.
func (s *Service) CreateOptionGroup(ctx context.Context, c *api.Caller, in *rds.CreateOptionGroupInput) (*rds.CreateOptionGroupOutput, error) {
	g, err := s.newOptionGroup(ctx, c, "OptionGroupName", in.OptionGroupName, strings.ToLower(deref(in.EngineName)), deref(in.MajorEngineVersion), deref(in.OptionGroupDescription), in.Tags)
	if err != nil {
		return nil, err
	}
	if g, err = s.enterOptionGroup(ctx, g); err != nil {
		return nil, err
	}
	return &rds.CreateOptionGroupOutput{OptionGroup: describeOptionGroup(g)}, nil
}

func (s *Service) createOptionGroupAccess(ctx context.Context, c *api.Caller, in *rds.CreateOptionGroupInput) ([]api.Access, error) {
	g, err := s.newOptionGroup(ctx, c, "OptionGroupName", in.OptionGroupName, strings.ToLower(deref(in.EngineName)), deref(in.MajorEngineVersion), deref(in.OptionGroupDescription), in.Tags)
	if err != nil {
		return named(err, "rds:CreateOptionGroup", nameOf(c, "og", in.OptionGroupName))
	}
	return newGroupAccess("CreateOptionGroup", optionGroupARN(g), g.Tags), nil
}

// CopyOptionGroup makes an option group of what another of the account and Region has.
func (s *Service) CopyOptionGroup(ctx context.Context, c *api.Caller, in *rds.CopyOptionGroupInput) (*rds.CopyOptionGroupOutput, error) {
	from, err := s.optionGroupOf(ctx, c, in.SourceOptionGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g, err := s.newOptionGroup(ctx, c, "TargetOptionGroupIdentifier", in.TargetOptionGroupIdentifier, from.Engine, from.MajorVersion, deref(in.TargetOptionGroupDescription), in.Tags)
	if err != nil {
		return nil, err
	}
	if g, err = s.enterOptionGroup(ctx, g); err != nil {
		return nil, err
	}
	return &rds.CopyOptionGroupOutput{OptionGroup: describeOptionGroup(g)}, nil
}

func (s *Service) copyOptionGroupAccess(ctx context.Context, c *api.Caller, in *rds.CopyOptionGroupInput) ([]api.Access, error) {
	from, err := s.optionGroupOf(ctx, c, in.SourceOptionGroupIdentifier)
	if err != nil {
		return named(err, "rds:CopyOptionGroup", nameOf(c, "og", in.SourceOptionGroupIdentifier))
	}
	tags, err := tagsFrom(c, in.Tags)
	if err != nil {
		return named(err, "rds:CopyOptionGroup", nameOf(c, "og", in.TargetOptionGroupIdentifier))
	}
	made := state.OptionGroup{AccountID: c.AccountID, Region: c.Region, Name: optionGroupName(in.TargetOptionGroupIdentifier)}
	return append(newGroupAccess("CopyOptionGroup", optionGroupARN(made), tags), optionGroupAccess("CopyOptionGroup", from)), nil
}

// ModifyOptionGroup adds options to a group, or removes them. There are none to be had.
func (s *Service) ModifyOptionGroup(ctx context.Context, c *api.Caller, in *rds.ModifyOptionGroupInput) (*rds.ModifyOptionGroupOutput, error) {
	g, err := s.optionGroupOf(ctx, c, in.OptionGroupName)
	switch {
	case err != nil:
		return nil, err
	case strings.HasPrefix(g.Name, "default:"):
		return nil, errValue("The option group %s is a default option group, which cannot be modified.", g.Name)
	case len(in.OptionsToInclude) > 0:
		return nil, api.NotImplemented("The option " + deref(in.OptionsToInclude[0].OptionName) + " of " + g.Engine)
	case len(in.OptionsToRemove) > 0:
		return nil, errValue("The option %s is not in the option group %s.", in.OptionsToRemove[0], g.Name)
	}
	return nil, errCombination("At least one option must be added, modified or removed.")
}

// DeleteOptionGroup removes a group that no DB instance and no snapshot is in.
func (s *Service) DeleteOptionGroup(ctx context.Context, c *api.Caller, in *rds.DeleteOptionGroupInput) (*rds.DeleteOptionGroupOutput, error) {
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		g, err := s.optionGroup(ctx, tx, c, in.OptionGroupName)
		if err != nil {
			return err
		}
		used, err := optionGroupUsed(ctx, tx, g)
		if err != nil {
			return err
		}
		if used || strings.HasPrefix(g.Name, "default:") {
			return api.Errorf("InvalidOptionGroupStateFault", "The option group %s is in use, or a default option group, and cannot be deleted.", g.Name)
		}
		return tx.DeleteOptionGroup(ctx, g.AccountID, g.Region, g.Name)
	})
	return &rds.DeleteOptionGroupOutput{}, err
}

func optionGroupUsed(ctx context.Context, tx *state.Tx, g state.OptionGroup) (bool, error) {
	instances, err := tx.DBInstances(ctx, g.AccountID, g.Region)
	if err != nil {
		return false, err
	}
	snapshots, err := tx.DBSnapshots(ctx, state.InstanceSnapshot, g.AccountID, g.Region)
	return slices.ContainsFunc(instances, func(i state.DBInstance) bool { return i.Settings.OptionGroup == g.Name }) ||
		slices.ContainsFunc(snapshots, func(s state.DBSnapshot) bool { return s.Settings.OptionGroup == g.Name }), err
}

// DescribeOptionGroups lists the option groups, or one.
func (s *Service) DescribeOptionGroups(ctx context.Context, c *api.Caller, in *rds.DescribeOptionGroupsInput) (*rds.DescribeOptionGroupsOutput, error) {
	if in.OptionGroupName != nil && (in.EngineName != nil || in.MajorEngineVersion != nil) {
		return nil, errCombination("OptionGroupName cannot be given together with EngineName or MajorEngineVersion.")
	}
	if in.MajorEngineVersion != nil && in.EngineName == nil {
		return nil, errCombination("MajorEngineVersion must be given together with EngineName.")
	}
	if len(in.Filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(in.Filters[0].Name))
	}
	all, err := s.optionGroups(ctx, c, in)
	if err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "DescribeOptionGroups", c, all, in.MaxRecords, in.Marker, func(g state.OptionGroup) string { return g.Name })
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeOptionGroupsOutput{Marker: next}
	for _, g := range all {
		out.OptionGroupsList = append(out.OptionGroupsList, *describeOptionGroup(g))
	}
	return out, nil
}

func (s *Service) optionGroups(ctx context.Context, c *api.Caller, in *rds.DescribeOptionGroupsInput) (all []state.OptionGroup, err error) {
	if in.OptionGroupName != nil {
		g, err := s.optionGroupOf(ctx, c, in.OptionGroupName)
		return []state.OptionGroup{g}, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.OptionGroups(ctx, c.AccountID, c.Region)
		return err
	})
	all = slices.DeleteFunc(append(all, s.defaultOptionGroups(ctx, c)...), func(g state.OptionGroup) bool {
		return (in.EngineName != nil && g.Engine != *in.EngineName) || (in.MajorEngineVersion != nil && g.MajorVersion != *in.MajorEngineVersion)
	})
	slices.SortFunc(all, func(a, b state.OptionGroup) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// DescribeOptionGroupOptions lists the options that an engine's groups may have: none.
func (s *Service) DescribeOptionGroupOptions(ctx context.Context, _ *api.Caller, in *rds.DescribeOptionGroupOptionsInput) (*rds.DescribeOptionGroupOptionsOutput, error) {
	if !slices.ContainsFunc(s.families(ctx), func(f family) bool { return f.engine == deref(in.EngineName) }) {
		return nil, errValue("Invalid DB engine: %s", deref(in.EngineName))
	}
	return &rds.DescribeOptionGroupOptionsOutput{}, nil
}

// describeOptionGroup is the SDK's form of a group.
func describeOptionGroup(g state.OptionGroup) *types.OptionGroup {
	name, yes := optionGroupARN(g), true
	return &types.OptionGroup{
		AllowsVpcAndNonVpcInstanceMemberships: &yes, EngineName: &g.Engine, MajorEngineVersion: &g.MajorVersion, OptionGroupArn: &name,
		OptionGroupDescription: &g.Description, OptionGroupName: &g.Name, Options: []types.Option{},
	}
}

func (s *Service) optionGroupOf(ctx context.Context, c *api.Caller, given *string) (g state.OptionGroup, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		g, err = s.optionGroup(ctx, tx, c, given)
		return err
	})
	return g, err
}

func optionGroupAccess(action string, g state.OptionGroup) api.Access {
	return api.Access{Action: "rds:" + action, Resource: optionGroupARN(g), Context: groupConditions("og", g.Tags)}
}

func (s *Service) optionGroupOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.CreateOptionGroup, s.createOptionGroupAccess),
		api.Op("", s.CopyOptionGroup, s.copyOptionGroupAccess),
		onOptionGroup(s, s.ModifyOptionGroup),
		onOptionGroup(s, s.DeleteOptionGroup),
		api.Op("", s.DescribeOptionGroups, func(_ context.Context, c *api.Caller, in *rds.DescribeOptionGroupsInput) ([]api.Access, error) {
			return describeGroupsAccess(c, "DescribeOptionGroups", "og", in.OptionGroupName), nil
		}),
		unnamed(s.DescribeOptionGroupOptions),
	}
}

// onOptionGroup is the row of an operation on the group that its input names.
func onOptionGroup[In, Out any](s *Service, fn func(context.Context, *api.Caller, *In) (*Out, error)) api.Operation {
	action := api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		name := api.Field(in, "OptionGroupName")
		g, err := s.optionGroupOf(ctx, c, &name)
		if err != nil {
			return named(err, "rds:"+action, nameOf(c, "og", &name))
		}
		return []api.Access{optionGroupAccess(action, g)}, nil
	})
}
