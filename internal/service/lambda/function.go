package lambda

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// base64Of is a digest as clients see it.
func base64Of(digest string) string {
	raw, err := hex.DecodeString(digest)
	if err != nil {
		panic(err) // the house's own
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (s *Service) createFunctionAccess(_ context.Context, c *api.Caller, in *lambda.CreateFunctionInput) ([]api.Access, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if n.accountID != c.AccountID {
		return nil, failure(403, "AccessDeniedException", "Cross-account creation of functions is not allowed.")
	}
	role, err := passRole(n, in.Role)
	if err != nil {
		return nil, err
	}
	tags := api.WithRequestTags(nil, in.Tags)
	accesses := []api.Access{{Action: "lambda:CreateFunction", Resource: n.arn(), Context: tags}, role}
	if len(in.Tags) > 0 {
		accesses = append(accesses, api.Access{Action: "lambda:TagResource", Resource: n.arn(), Context: tags})
	}
	return accesses, nil
}

// CreateFunction makes a function. It is active at once: its code has been unpacked before the answer.
func (s *Service) CreateFunction(ctx context.Context, c *api.Caller, in *lambda.CreateFunctionInput) (*lambda.CreateFunctionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if n.qualifier != "" && n.qualifier != latest {
		return nil, invalid("The function name %s has a qualifier.", *in.FunctionName)
	}
	n.qualifier = ""
	if err := s.runnable(); err != nil {
		return nil, err
	}
	if err := checkBeyond(in); err != nil {
		return nil, err
	}
	if in.PackageType == types.PackageTypeImage {
		return nil, api.NotImplemented("lambda: functions that are container images")
	}
	if in.Runtime == "" || in.Handler == nil {
		return nil, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	if len(in.Architectures) > 0 && !slices.Equal(in.Architectures, []types.Architecture{architecture()}) {
		return nil, api.NotImplemented("lambda: functions of another architecture than this host's, " + string(architecture()) + ",")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	cfg := state.FunctionConfiguration{MemorySize: 128, Timeout: 3, EphemeralSize: 512, Architecture: string(architecture())}
	if err := askedBy(in).apply(&cfg); err != nil {
		return nil, err
	}
	f := state.Function{
		ARN: n.arn(), AccountID: c.AccountID, Region: c.Region, Name: n.function, Tags: in.Tags, Reserved: -1,
		Policies: map[string]state.FunctionPolicy{}, EventConfigs: map[string]state.FunctionEventConfig{},
	}
	if _, err := s.function(ctx, n); err == nil {
		return nil, conflict("Function already exist: %s", n.function)
	}
	if err := s.checkRole(ctx, f, cfg.Role); err != nil {
		return nil, err
	}
	v := state.FunctionVersion{FunctionARN: f.ARN, RevisionID: uuid.NewString()}
	if v.CodeSHA256, cfg.CodeSize, err = s.store(ctx, c, in.Code); err != nil {
		return nil, err
	}
	if v.Environment, err = s.newVariables(ctx, c, f, v, cfg, cmp.Or(in.Environment, &types.Environment{})); err != nil {
		return nil, err
	}
	v.Configuration = cfg
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		f.CreatedAt, v.Configuration.LastModified = tx.Now, tx.Now
		if err := tx.InsertFunction(ctx, f); err != nil {
			return err
		}
		if err := tx.InsertFunctionVersion(ctx, v); err != nil || !in.Publish {
			return err
		}
		v, err = publish(ctx, tx, &f, v, cfg.Description)
		return err
	})
	if errors.Is(err, state.ErrExists) {
		return nil, conflict("Function already exist: %s", n.function)
	}
	if err != nil {
		return nil, err
	}
	return as[lambda.CreateFunctionOutput](s.configuration(ctx, c, f, v)), nil
}

// checkRole refuses a role that is not there, or does not trust the service.
func (s *Service) checkRole(ctx context.Context, f state.Function, roleARN string) error {
	_, err := s.assume(ctx, f, roleARN)
	if api.Refused(err) != nil {
		e := invalid("The role defined for the function cannot be assumed by Lambda.")
		e.Err = err
		s.Log.WarnContext(ctx, "a function's role cannot be assumed", slog.String("role", roleARN), slog.String("error", err.Error()))
		return e
	}
	return err
}

// GetFunctionConfiguration tells how a version runs.
func (s *Service) GetFunctionConfiguration(ctx context.Context, c *api.Caller, in *lambda.GetFunctionConfigurationInput) (*lambda.GetFunctionConfigurationOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	f, v, err := s.read(ctx, n)
	if err != nil {
		return nil, err
	}
	return as[lambda.GetFunctionConfigurationOutput](s.named(s.configuration(ctx, c, f, v), n)), nil
}

// named gives a configuration the ARN that it was asked for by.
func (s *Service) named(c types.FunctionConfiguration, n name) types.FunctionConfiguration {
	c.FunctionArn = new(n.qualified())
	return c
}

// GetFunction tells how a version runs, its tags and its concurrency.
func (s *Service) GetFunction(ctx context.Context, c *api.Caller, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	f, v, err := s.read(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionOutput{
		Code: &types.FunctionCodeLocation{RepositoryType: aws.String("S3")}, Configuration: new(s.named(s.configuration(ctx, c, f, v), n)), Tags: f.Tags,
	}
	if f.Reserved >= 0 {
		out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: aws.Int32(int32(f.Reserved))} //nolint:gosec // it came as one
	}
	return out, nil
}

// UpdateFunctionCode gives $LATEST other code.
func (s *Service) UpdateFunctionCode(ctx context.Context, c *api.Caller, in *lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	n.qualifier = ""
	if err := s.runnable(); err != nil {
		return nil, err
	}
	if err := checkBeyond(in); err != nil {
		return nil, err
	}
	if len(in.Architectures) > 0 && !slices.Equal(in.Architectures, []types.Architecture{architecture()}) {
		return nil, api.NotImplemented("lambda: functions of another architecture than this host's, " + string(architecture()) + ",")
	}
	f, v, err := s.read(ctx, n)
	if err != nil {
		return nil, err
	}
	if in.RevisionId != nil && *in.RevisionId != v.RevisionID {
		return nil, stale()
	}
	digest, size, err := s.store(ctx, c, &types.FunctionCode{
		ImageUri: in.ImageUri, S3Bucket: in.S3Bucket, S3Key: in.S3Key, S3ObjectVersion: in.S3ObjectVersion, ZipFile: in.ZipFile, SourceKMSKeyArn: in.SourceKMSKeyArn,
	})
	if err != nil {
		return nil, err
	}
	change := func(v *state.FunctionVersion) { v.CodeSHA256, v.Configuration.CodeSize = digest, size }
	if in.DryRun {
		change(&v)
		return as[lambda.UpdateFunctionCodeOutput](s.configuration(ctx, c, f, v)), nil
	}
	if v, err = s.changeLatest(ctx, n, in.RevisionId, func(v *state.FunctionVersion) error { change(v); return nil }); err != nil {
		return nil, err
	}
	if in.Publish {
		if v, err = s.publishLatest(ctx, n, nil, nil, nil); err != nil {
			return nil, err
		}
	}
	return as[lambda.UpdateFunctionCodeOutput](s.configuration(ctx, c, f, v)), nil
}

// DeleteFunction removes a function, or one of its versions. What runs is ended.
func (s *Service) DeleteFunction(ctx context.Context, c *api.Caller, in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	n, err := nameOf(c, *in.FunctionName, aws.ToString(in.Qualifier))
	if err != nil {
		return nil, err
	}
	if n.qualifier == "" {
		err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.DeleteFunction(ctx, n.arn()) })
		if errors.Is(err, state.ErrNotFound) {
			return nil, notFound("Function not found: %s", n.arn())
		}
		if err == nil {
			s.pool.retire(n.arn(), -1)
		}
		return &lambda.DeleteFunctionOutput{}, err
	}
	if n.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	at, err := strconv.ParseInt(n.qualifier, 10, 64)
	if err != nil || at < 1 {
		return nil, invalid("Deletion of aliases is not currently supported.")
	}
	return &lambda.DeleteFunctionOutput{}, s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		aliases, err := tx.FunctionAliases(ctx, f.ARN, "", -1)
		if err != nil {
			return err
		}
		for _, a := range aliases {
			if _, also := a.Weights[n.qualifier]; also || a.Version == n.qualifier {
				return conflict("Version %s of function %s is referenced by aliases.", n.qualifier, f.Name)
			}
		}
		delete(f.Policies, n.qualifier)
		delete(f.EventConfigs, n.qualifier)
		s.pool.retire(f.ARN, at)
		if err := tx.DeleteFunctionVersion(ctx, f.ARN, at); !errors.Is(err, state.ErrNotFound) {
			return err
		}
		return nil // one that is gone is no error
	})
}

const pageSize = 50

// pageOf is the size of a page of a list.
func pageOf(maxItems *int32) int {
	return int(min(cmp.Or(aws.ToInt32(maxItems), pageSize), pageSize))
}

// ListFunctions lists the functions of the account by name, as they are or with all their versions.
func (s *Service) ListFunctions(ctx context.Context, c *api.Caller, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	scope := "lambda:ListFunctions:" + c.AccountID + ":" + c.Region
	after, err := s.Pages.After(scope, in.Marker, "InvalidParameterValueException")
	if err != nil {
		return nil, err
	}
	n := pageOf(in.MaxItems)
	out := &lambda.ListFunctionsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		functions, err := tx.Functions(ctx, c.AccountID, c.Region, after, n+1)
		if err != nil {
			return err
		}
		functions, next := page.Cut(functions, n, func(f state.Function) string { return f.Name })
		out.NextMarker = s.Pages.Next(scope, next)
		limit := 1
		if in.FunctionVersion == types.FunctionVersionAll {
			limit = -1
		}
		for _, f := range functions {
			versions, err := tx.FunctionVersions(ctx, f.ARN, -1, limit)
			if err != nil {
				return err
			}
			for _, v := range versions {
				shown := s.configuration(ctx, c, f, v)
				if in.FunctionVersion == types.FunctionVersionAll {
					shown.FunctionArn = new(f.ARN + ":" + versionName(v.Number))
				}
				out.Functions = append(out.Functions, shown)
			}
		}
		return nil
	})
}

// GetAccountSettings tells the account's limits and use in the Region.
func (s *Service) GetAccountSettings(ctx context.Context, c *api.Caller, _ *lambda.GetAccountSettingsInput) (*lambda.GetAccountSettingsOutput, error) {
	out := &lambda.GetAccountSettingsOutput{
		AccountLimit: &types.AccountLimit{
			CodeSizeUnzipped: maxUnzipped, CodeSizeZipped: maxZipped, TotalCodeSize: 75 << 30, ConcurrentExecutions: int32(s.Concurrency), //nolint:gosec // a configured number
		},
		AccountUsage: &types.AccountUsage{},
	}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		reserved, err := tx.FunctionsReserved(ctx, c.AccountID, c.Region, "")
		if err != nil {
			return err
		}
		out.AccountLimit.UnreservedConcurrentExecutions = aws.Int32(int32(max(s.Concurrency-reserved, 0))) //nolint:gosec // a configured number
		functions, size, err := tx.FunctionCode(ctx, c.AccountID, c.Region)
		out.AccountUsage.FunctionCount, out.AccountUsage.TotalCodeSize = int64(functions), size
		return err
	})
}
