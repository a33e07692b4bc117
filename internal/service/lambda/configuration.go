package lambda

import (
	"cmp"
	"context"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// runs are the runtimes that this host has: those that bring their own.
var runs = []types.Runtime{types.RuntimeProvidedal2023, types.RuntimeProvidedal2}

// architecture is the host's.
func architecture() types.Architecture {
	if runtime.GOARCH == "arm64" {
		return types.ArchitectureArm64
	}
	return types.ArchitectureX8664
}

// asked is what CreateFunction and UpdateFunctionConfiguration ask of a configuration; nil leaves a value as it is.
type asked struct {
	Description, Handler, Role, KMSKeyArn *string
	Runtime                               types.Runtime
	MemorySize, Timeout                   *int32
	EphemeralStorage                      *types.EphemeralStorage
	DeadLetterConfig                      *types.DeadLetterConfig
	LoggingConfig                         *types.LoggingConfig
	TracingConfig                         *types.TracingConfig
}

// askedBy reads the fields of that name of an input.
func askedBy(in any) (a asked) {
	from, to := reflect.ValueOf(in).Elem(), reflect.ValueOf(&a).Elem()
	for i := range to.NumField() {
		to.Field(i).Set(from.FieldByName(to.Type().Field(i).Name))
	}
	return a
}

// beyond are the fields of inputs that ask for what the house does not have.
var beyond = map[string]string{
	"CapacityProviderConfig": "capacity providers", "CodeSigningConfigArn": "code signing", "DurableConfig": "durable functions",
	"FileSystemConfigs": "file systems", "ImageConfig": "functions that are container images", "Layers": "layers",
	"PublishTo": "versions of capacity providers", "TenancyConfig": "tenants", "RuntimeConfig": "runtimes of capacity providers",
}

// checkBeyond refuses what is beyond the house.
func checkBeyond(in any) error {
	v := reflect.ValueOf(in).Elem()
	for field, what := range beyond {
		if f := v.FieldByName(field); f.IsValid() && !f.IsZero() && (f.Kind() != reflect.Slice || f.Len() > 0) {
			return api.NotImplemented("lambda: " + what)
		}
	}
	if vpc, _ := api.FieldValue(in, "VpcConfig").(*types.VpcConfig); vpc != nil && len(vpc.SubnetIds)+len(vpc.SecurityGroupIds) > 0 {
		return api.NotImplemented("lambda: functions in a VPC")
	}
	if snap, _ := api.FieldValue(in, "SnapStart").(*types.SnapStart); snap != nil && snap.ApplyOn == types.SnapStartApplyOnPublishedVersions {
		return api.NotImplemented("lambda: SnapStart")
	}
	return nil
}

// apply changes a configuration as it is asked.
func (a asked) apply(c *state.FunctionConfiguration) error {
	if a.Runtime != "" {
		if err := checkRuntime(a.Runtime); err != nil {
			return err
		}
		c.Runtime = string(a.Runtime)
	}
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&c.Description, a.Description)
	set(&c.Handler, a.Handler)
	set(&c.Role, a.Role)
	set(&c.KMSKeyARN, a.KMSKeyArn)
	if a.MemorySize != nil {
		c.MemorySize = *a.MemorySize
	}
	if a.Timeout != nil {
		c.Timeout = *a.Timeout
	}
	if a.EphemeralStorage != nil {
		c.EphemeralSize = aws.ToInt32(a.EphemeralStorage.Size)
	}
	if c.MemorySize < 128 || c.MemorySize > 10240 {
		return invalid("'MemorySize' value failed to satisfy constraint: Member must have value between 128 and 10240")
	}
	if c.Timeout < 1 || c.Timeout > 900 {
		return invalid("'Timeout' value failed to satisfy constraint: Member must have value between 1 and 900")
	}
	if a.TracingConfig != nil && a.TracingConfig.Mode == types.TracingModeActive {
		return api.NotImplemented("lambda: tracing")
	}
	if a.LoggingConfig != nil {
		if a.LoggingConfig.LogFormat == types.LogFormatJson || a.LoggingConfig.ApplicationLogLevel != "" || a.LoggingConfig.SystemLogLevel != "" {
			return api.NotImplemented("lambda: logs in JSON")
		}
		c.LogGroup = aws.ToString(a.LoggingConfig.LogGroup)
	}
	if a.DeadLetterConfig != nil {
		c.DeadLetterARN = aws.ToString(a.DeadLetterConfig.TargetArn)
		if c.DeadLetterARN != "" && !deadLetterTarget.MatchString(c.DeadLetterARN) {
			return invalid("The provided target ARN %s is no queue and no topic.", c.DeadLetterARN)
		}
	}
	return nil
}

var deadLetterTarget = regexp.MustCompile(`^arn:aws:(sqs|sns):[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$`)

func checkRuntime(r types.Runtime) error {
	if slices.Contains(runs, r) {
		return nil
	}
	all := r.Values()
	if slices.Contains(all, r) {
		return api.NotImplemented("lambda: the runtime " + string(r) + " (provided.al2023 and provided.al2 run)")
	}
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = string(one)
	}
	return invalid("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", r, strings.Join(names, ", "))
}

const timeFormat = "2006-01-02T15:04:05.000-0700"

// configuration is a version as clients see it. Its variables are those that the caller can read.
func (s *Service) configuration(ctx context.Context, c *api.Caller, f state.Function, v state.FunctionVersion) types.FunctionConfiguration {
	cfg := v.Configuration
	versionARN := f.ARN
	if v.Number > 0 {
		versionARN += ":" + versionName(v.Number)
	}
	out := types.FunctionConfiguration{
		Architectures: []types.Architecture{types.Architecture(cfg.Architecture)}, CodeSha256: new(base64Of(v.CodeSHA256)), CodeSize: cfg.CodeSize,
		Description: &cfg.Description, EphemeralStorage: &types.EphemeralStorage{Size: &cfg.EphemeralSize},
		FunctionArn: &versionARN, FunctionName: &f.Name, Handler: &cfg.Handler, LastModified: new(cfg.LastModified.Time().Format(timeFormat)),
		LastUpdateStatus: types.LastUpdateStatusSuccessful, State: types.StateActive,
		LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: new(logGroup(f, v))},
		MemorySize:    &cfg.MemorySize, PackageType: types.PackageTypeZip, RevisionId: &v.RevisionID, Role: &cfg.Role, Runtime: types.Runtime(cfg.Runtime),
		SnapStart:     &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		Timeout:       &cfg.Timeout,
		TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough}, Version: new(versionName(v.Number)),
	}
	if cfg.KMSKeyARN != "" {
		out.KMSKeyArn = &cfg.KMSKeyARN
	}
	if cfg.DeadLetterARN != "" {
		out.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: &cfg.DeadLetterARN}
	}
	out.Environment = s.shownVariables(ctx, c, v)
	return out
}

// logGroup is where a version logs to.
func logGroup(f state.Function, v state.FunctionVersion) string {
	return cmp.Or(v.Configuration.LogGroup, "/aws/lambda/"+f.Name)
}

// as is a configuration as the output of an operation, which has the same fields.
func as[Out any](c types.FunctionConfiguration) *Out {
	out := new(Out)
	to, from := reflect.ValueOf(out).Elem(), reflect.ValueOf(c)
	for i := range from.NumField() {
		if field := from.Type().Field(i); field.IsExported() {
			to.FieldByName(field.Name).Set(from.Field(i))
		}
	}
	return out
}

func (s *Service) updateConfigurationAccess(ctx context.Context, c *api.Caller, in *lambda.UpdateFunctionConfigurationInput) ([]api.Access, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	n.qualifier = ""
	a, err := s.access(ctx, n, "UpdateFunctionConfiguration")
	if err != nil || in.Role == nil {
		return []api.Access{a}, err
	}
	role, err := passRole(n, in.Role)
	return []api.Access{a, role}, err
}

// UpdateFunctionConfiguration changes how $LATEST runs. Environments of the old configuration serve no further invocation.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, c *api.Caller, in *lambda.UpdateFunctionConfigurationInput) (*lambda.UpdateFunctionConfigurationOutput, error) {
	n, err := nameOf(c, *in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := checkBeyond(in); err != nil {
		return nil, err
	}
	n.qualifier = ""
	f, before, err := s.read(ctx, n)
	if err != nil {
		return nil, err
	}
	cfg := before.Configuration
	if err := askedBy(in).apply(&cfg); err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := s.checkRole(ctx, f, cfg.Role); err != nil {
			return nil, err
		}
	}
	sealed, err := s.newVariables(ctx, c, f, before, cfg, in.Environment)
	if err != nil {
		return nil, err
	}
	after, err := s.changeLatest(ctx, n, in.RevisionId, func(v *state.FunctionVersion) error {
		if v.RevisionID != before.RevisionID {
			return conflict("The operation cannot be performed at this time. An update is in progress for resource: %s", f.ARN)
		}
		v.Configuration, v.Environment = cfg, sealed
		return nil
	})
	if err != nil {
		return nil, err
	}
	return as[lambda.UpdateFunctionConfigurationOutput](s.configuration(ctx, c, f, after)), nil
}

// changeLatest writes what fn makes of $LATEST, if it is still the revision that the caller has in mind.
func (s *Service) changeLatest(ctx context.Context, n name, revision *string, fn func(v *state.FunctionVersion) error) (v state.FunctionVersion, err error) {
	err = s.change(ctx, n, func(ctx context.Context, tx *state.Tx, f *state.Function) error {
		if v, err = tx.FunctionVersion(ctx, f.ARN, 0); err != nil {
			return err
		}
		if revision != nil && *revision != v.RevisionID {
			return stale()
		}
		if err := fn(&v); err != nil {
			return err
		}
		v.RevisionID, v.Configuration.LastModified = uuid.NewString(), tx.Now
		return tx.UpdateFunctionVersion(ctx, v)
	})
	if err == nil {
		s.pool.retire(n.arn(), 0)
	}
	return v, err
}
