package rds

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// mostParameters is how many parameters one call may set.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html
const mostParameters = 20

// ModifyDBParameterGroup sets parameters of a group for DB instances. They take effect at an instance's next reboot.
func (s *Service) ModifyDBParameterGroup(ctx context.Context, c *api.Caller, in *rds.ModifyDBParameterGroupInput) (*rds.ModifyDBParameterGroupOutput, error) {
	name, err := s.setParameters(ctx, c, state.InstanceParameters, in.DBParameterGroupName, in.Parameters)
	return &rds.ModifyDBParameterGroupOutput{DBParameterGroupName: &name}, err
}

// ResetDBParameterGroup takes parameters of a group for DB instances back to the engine's defaults.
func (s *Service) ResetDBParameterGroup(ctx context.Context, c *api.Caller, in *rds.ResetDBParameterGroupInput) (*rds.ResetDBParameterGroupOutput, error) {
	name, err := s.resetParameters(ctx, c, state.InstanceParameters, in.DBParameterGroupName, in.Parameters, deref(in.ResetAllParameters))
	return &rds.ResetDBParameterGroupOutput{DBParameterGroupName: &name}, err
}

// DescribeDBParameters lists the parameters of a group for DB instances.
func (s *Service) DescribeDBParameters(ctx context.Context, c *api.Caller, in *rds.DescribeDBParametersInput) (*rds.DescribeDBParametersOutput, error) {
	list, next, err := s.listParameters(ctx, c, "DescribeDBParameters", state.InstanceParameters, in.DBParameterGroupName, in.Source, in.Filters, in.MaxRecords, in.Marker)
	return &rds.DescribeDBParametersOutput{Parameters: list, Marker: next}, err
}

// DescribeEngineDefaultParameters lists the parameters of a family with the engine's defaults.
func (s *Service) DescribeEngineDefaultParameters(ctx context.Context, c *api.Caller, in *rds.DescribeEngineDefaultParametersInput) (*rds.DescribeEngineDefaultParametersOutput, error) {
	defaults, err := s.engineDefaults(ctx, c, "DescribeEngineDefaultParameters", state.InstanceParameters, in.DBParameterGroupFamily, in.MaxRecords, in.Marker)
	return &rds.DescribeEngineDefaultParametersOutput{EngineDefaults: defaults}, err
}

// setParameters sets parameters of a group, all of them or none.
func (s *Service) setParameters(ctx context.Context, c *api.Caller, kind string, group *string, given []types.Parameter) (string, error) {
	switch {
	case len(given) == 0:
		return "", errMissing("Parameters")
	case len(given) > mostParameters:
		return "", errValue("A maximum of %d parameters can be modified in a single request.", mostParameters)
	}
	err := s.changeParameterGroup(ctx, c, kind, group, func(ctx context.Context, tx *state.Tx, g *state.DBParameterGroup) error {
		f, _ := s.family(ctx, kind, g.Family)
		g.Parameters = maps.Clone(g.Parameters)
		if g.Parameters == nil {
			g.Parameters = map[string]state.DBParameter{}
		}
		for _, p := range given {
			known, method, err := f.named(p)
			if err != nil {
				return err
			}
			if p.ParameterValue == nil {
				return errMissing("ParameterValue")
			}
			if err := known.check(*p.ParameterValue); err != nil {
				return err
			}
			g.Parameters[known.name] = state.DBParameter{Value: *p.ParameterValue, ApplyMethod: method}
		}
		return tx.UpdateDBParameterGroup(ctx, *g)
	})
	return groupName(group), err
}

// named finds the parameter that a call names, and when it is to take effect.
func (f family) named(p types.Parameter) (parameter, string, error) {
	known, found := f.parameter(deref(p.ParameterName))
	method := string(p.ApplyMethod)
	switch {
	case deref(p.ParameterName) == "":
		return known, "", errMissing("ParameterName")
	case !found:
		return known, "", errValue("Could not find parameter with name: %s", *p.ParameterName)
	case method == "":
		return known, "", errMissing("ApplyMethod")
	case known.static && p.ApplyMethod == types.ApplyMethodImmediate:
		return known, "", errCombination("cannot use immediate apply method for static parameter")
	}
	return known, method, nil
}

// resetParameters takes parameters of a group back to the engine's defaults.
func (s *Service) resetParameters(ctx context.Context, c *api.Caller, kind string, group *string, given []types.Parameter, all bool) (string, error) {
	switch {
	case all && len(given) > 0:
		return "", errCombination("ResetAllParameters and Parameters cannot both be given.")
	case !all && len(given) == 0:
		return "", errMissing("Parameters")
	case len(given) > mostParameters:
		return "", errValue("A maximum of %d parameters can be modified in a single request.", mostParameters)
	}
	err := s.changeParameterGroup(ctx, c, kind, group, func(ctx context.Context, tx *state.Tx, g *state.DBParameterGroup) error {
		f, _ := s.family(ctx, kind, g.Family)
		g.Parameters = maps.Clone(g.Parameters)
		if all {
			g.Parameters = nil
		}
		for _, p := range given {
			known, _, err := f.named(p)
			if err != nil {
				return err
			}
			delete(g.Parameters, known.name)
		}
		return tx.UpdateDBParameterGroup(ctx, *g)
	})
	return groupName(group), err
}

// listParameters is a page of a group's parameters.
func (s *Service) listParameters(ctx context.Context, c *api.Caller, operation, kind string, group, source *string, filters []types.Filter, size *int32, marker *string) ([]types.Parameter, *string, error) {
	g, err := s.parameterGroupOf(ctx, c, kind, group)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains([]string{"", "user", "system", "engine-default"}, deref(source)) {
		return nil, nil, errValue("Invalid source: %s", *source)
	}
	f, _ := s.family(ctx, kind, g.Family)
	all := describeParameters(f, g)
	if deref(source) != "" {
		all = slices.DeleteFunc(all, func(p types.Parameter) bool { return *p.Source != *source })
	}
	all, err = filtered(all, filters, map[string]func(types.Parameter) string{
		"parameter-name": func(p types.Parameter) string { return *p.ParameterName },
	})
	if err != nil {
		return nil, nil, err
	}
	return page(s.Pages, operation+" "+g.Name, c, all, size, marker, func(p types.Parameter) string { return *p.ParameterName })
}

// engineDefaults is a page of a family's parameters.
func (s *Service) engineDefaults(ctx context.Context, c *api.Caller, operation, kind string, name *string, size *int32, marker *string) (*types.EngineDefaults, error) {
	f, known := s.family(ctx, kind, deref(name))
	if !known {
		return nil, errValue("ParameterGroupFamily %s is not a valid parameter group family", deref(name))
	}
	all, next, err := page(s.Pages, operation+" "+f.name(), c, describeParameters(f, state.DBParameterGroup{}), size, marker,
		func(p types.Parameter) string { return *p.ParameterName })
	return &types.EngineDefaults{DBParameterGroupFamily: name, Parameters: all, Marker: next}, err
}

// describeParameters is the SDK's form of a family's parameters, with the values that a group has of its own.
func describeParameters(f family, g state.DBParameterGroup) []types.Parameter {
	var all []types.Parameter
	for _, p := range parameters(f.table) {
		applied, source := "dynamic", "engine-default"
		if p.static {
			applied = "static"
		}
		if !p.modifiable {
			source = "system"
		}
		described := types.Parameter{
			ParameterName: &p.name, ParameterValue: text(p.preset), DataType: &p.kind, ApplyType: &applied, IsModifiable: &p.modifiable,
			AllowedValues: text(p.allowed), ApplyMethod: types.ApplyMethodPendingReboot,
		}
		if own, set := g.Parameters[p.name]; set {
			source = "user"
			described.ParameterValue, described.ApplyMethod = &own.Value, types.ApplyMethod(own.ApplyMethod)
		}
		described.Source = &source
		all = append(all, described)
	}
	return all
}
