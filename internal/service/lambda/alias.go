package lambda

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// pick is the version that an alias stands for this time: its own, or by their share another.
func pick(a state.FunctionAlias) string {
	drawn := rand.Float64() //nolint:gosec // it decides no more than load
	for version, weight := range a.Weights {
		if drawn < weight {
			return version
		}
		drawn -= weight
	}
	return a.Version
}

// checkAlias refuses an alias of versions that are not there.
func checkAlias(ctx context.Context, tx *state.Tx, n name, a state.FunctionAlias) error {
	if len(a.Weights) > 1 {
		return invalid("An alias can route to one additional version only.")
	}
	for _, version := range append([]string{a.Version}, keys(a.Weights)...) {
		if version != latest && !number.MatchString(version) {
			return invalid("1 validation error detected: Value '%s' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)", version)
		}
		at := n
		at.qualifier = version
		if err := exists(ctx, tx, at); err != nil {
			return err
		}
	}
	for _, weight := range a.Weights {
		if weight < 0 || weight > 1 {
			return invalid("The weight of a version is between 0.0 and 1.0.")
		}
		if a.Version == latest {
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version.")
		}
	}
	return nil
}

func keys(weights map[string]float64) (all []string) {
	for version := range weights {
		all = append(all, version)
	}
	return all
}

// exists refuses a version that is not there.
func exists(ctx context.Context, tx *state.Tx, n name) error {
	_, err := version(ctx, tx, n)
	return err
}

func weights(r *types.AliasRoutingConfiguration) map[string]float64 {
	if r == nil || len(r.AdditionalVersionWeights) == 0 {
		return map[string]float64{}
	}
	return r.AdditionalVersionWeights
}

func aliasShown(a state.FunctionAlias) types.AliasConfiguration {
	out := types.AliasConfiguration{
		AliasArn: new(a.FunctionARN + ":" + a.Name), Description: &a.Description, FunctionVersion: &a.Version, Name: &a.Name, RevisionId: &a.RevisionID,
	}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: a.Weights}
	}
	return out
}

// CreateAlias names a version.
func (s *Service) CreateAlias(ctx context.Context, c *api.Caller, in *lambda.CreateAliasInput) (*lambda.CreateAliasOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if !aliasName.MatchString(*in.Name) || number.MatchString(*in.Name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)", *in.Name)
	}
	a := state.FunctionAlias{
		FunctionARN: n.arn(), Name: *in.Name, Version: *in.FunctionVersion, Weights: weights(in.RoutingConfig), Description: aws.ToString(in.Description), RevisionID: uuid.NewString(),
	}
	err = s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		if err := checkAlias(ctx, tx, n, a); err != nil {
			return err
		}
		return tx.InsertFunctionAlias(ctx, a)
	})
	if errors.Is(err, state.ErrExists) {
		return nil, conflict("Alias already exists: %s:%s", n.arn(), a.Name)
	}
	if err != nil {
		return nil, err
	}
	shown := lambda.CreateAliasOutput{}
	copyAlias(&shown.AliasArn, &shown.Description, &shown.FunctionVersion, &shown.Name, &shown.RevisionId, &shown.RoutingConfig, a)
	return &shown, nil
}

// copyAlias fills the fields that the outputs of aliases have in common.
func copyAlias(arn, description, version, name, revision **string, routing **types.AliasRoutingConfiguration, a state.FunctionAlias) {
	shown := aliasShown(a)
	*arn, *description, *version, *name, *revision, *routing = shown.AliasArn, shown.Description, shown.FunctionVersion, shown.Name, shown.RevisionId, shown.RoutingConfig
}

func noAlias(n name, alias string) error {
	return notFound("Cannot find alias arn: %s:%s", n.arn(), alias)
}

// GetAlias tells what an alias stands for.
func (s *Service) GetAlias(ctx context.Context, c *api.Caller, in *lambda.GetAliasInput) (*lambda.GetAliasOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	var a state.FunctionAlias
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		a, err = tx.FunctionAlias(ctx, n.arn(), *in.Name)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil, noAlias(n, *in.Name)
	}
	if err != nil {
		return nil, err
	}
	out := &lambda.GetAliasOutput{}
	copyAlias(&out.AliasArn, &out.Description, &out.FunctionVersion, &out.Name, &out.RevisionId, &out.RoutingConfig, a)
	return out, nil
}

// UpdateAlias lets an alias stand for another version.
func (s *Service) UpdateAlias(ctx context.Context, c *api.Caller, in *lambda.UpdateAliasInput) (*lambda.UpdateAliasOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	var a state.FunctionAlias
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if a, err = tx.FunctionAlias(ctx, n.arn(), *in.Name); err != nil {
			return err
		}
		if in.RevisionId != nil && *in.RevisionId != a.RevisionID {
			return stale()
		}
		if in.FunctionVersion != nil {
			a.Version = *in.FunctionVersion
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		if in.RoutingConfig != nil {
			a.Weights = weights(in.RoutingConfig)
		}
		if err := checkAlias(ctx, tx, n, a); err != nil {
			return err
		}
		a.RevisionID = uuid.NewString()
		return tx.UpdateFunctionAlias(ctx, a)
	})
	if errors.Is(err, state.ErrNotFound) {
		return nil, noAlias(n, *in.Name)
	}
	if err != nil {
		return nil, err
	}
	out := &lambda.UpdateAliasOutput{}
	copyAlias(&out.AliasArn, &out.Description, &out.FunctionVersion, &out.Name, &out.RevisionId, &out.RoutingConfig, a)
	return out, nil
}

// DeleteAlias removes an alias. One that is not there is no error.
func (s *Service) DeleteAlias(ctx context.Context, c *api.Caller, in *lambda.DeleteAliasInput) (*lambda.DeleteAliasOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	return &lambda.DeleteAliasOutput{}, s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		delete(f.Policies, *in.Name)
		delete(f.EventConfigs, *in.Name)
		if err := tx.DeleteFunctionAlias(ctx, f.ARN, *in.Name); !errors.Is(err, state.ErrNotFound) {
			return err
		}
		return nil
	})
}

// ListAliases lists the aliases of a function, or those of one of its versions, by name.
func (s *Service) ListAliases(ctx context.Context, c *api.Caller, in *lambda.ListAliasesInput) (*lambda.ListAliasesOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if _, err := s.function(ctx, n); err != nil {
		return nil, err
	}
	scope := "lambda:ListAliases:" + n.arn()
	after, err := s.Pages.After(scope, in.Marker, "InvalidParameterValueException")
	if err != nil {
		return nil, err
	}
	limit := pageOf(in.MaxItems)
	out := &lambda.ListAliasesOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.FunctionAliases(ctx, n.arn(), after, limit+1)
		if err != nil {
			return err
		}
		all, next := page.Cut(all, limit, func(a state.FunctionAlias) string { return a.Name })
		out.NextMarker = s.Pages.Next(scope, next)
		for _, a := range all {
			if _, also := a.Weights[aws.ToString(in.FunctionVersion)]; in.FunctionVersion == nil || a.Version == *in.FunctionVersion || also {
				out.Aliases = append(out.Aliases, aliasShown(a))
			}
		}
		return nil
	})
}
