package lambda

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// maxVariables is how many bytes the variables of a function may have together.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxVariables = 4 << 10

// reserved are the variables that the service sets itself.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

var variableName = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)

// sealed is what is kept of variables: as they are, or under a data key of a KMS key. All of it is sealed once more by the house.
type sealed struct {
	Plain   map[string]string `json:",omitempty"`
	Wrapped []byte            `json:",omitempty"` // the data key
	Under   []byte            `json:",omitempty"` // the variables
}

// contextOf is the encryption context of a function's variables.
func contextOf(functionARN string) map[string]string {
	return map[string]string{"aws:lambda:FunctionArn": functionARN}
}

func checkVariables(all map[string]string) error {
	var forbidden []string
	for key := range all {
		switch {
		case slices.Contains(reserved, key):
			forbidden = append(forbidden, key)
		case !variableName.MatchString(key):
			return invalid("1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		case strings.ContainsRune(all[key], 0):
			return invalid("Lambda was unable to configure your environment variables because the value of %s has a zero byte.", key)
		}
	}
	if len(forbidden) > 0 {
		slices.Sort(forbidden)
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(forbidden, ", "))
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if len(text) > maxVariables {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %s", text)
	}
	return nil
}

// newVariables seals the variables that are asked for; nil leaves those of before, under the key that is now the function's.
func (s *Service) newVariables(ctx context.Context, c *api.Caller, f state.Function, before state.FunctionVersion, cfg state.FunctionConfiguration, asked *types.Environment) ([]byte, error) {
	var all map[string]string
	switch {
	case asked != nil:
		all = asked.Variables
		if err := checkVariables(all); err != nil {
			return nil, err
		}
	case before.Configuration.KMSKeyARN == cfg.KMSKeyARN && before.Configuration.Role == cfg.Role:
		return before.Environment, nil
	default:
		var err error
		if all, err = s.variables(ctx, c.Through(Principal, c.Region), before); err != nil {
			return nil, err
		}
	}
	kept := sealed{Plain: all}
	if cfg.KMSKeyARN != "" && len(all) > 0 {
		var err error
		if kept, err = s.underKey(ctx, c.Through(Principal, c.Region), f.ARN, cfg, all); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return nil, err
	}
	return s.Seal.Seal(nil, nil, text, []byte(f.ARN)), nil
}

// underKey seals variables under the function's KMS key, as the caller, who lets the function's role open them.
func (s *Service) underKey(ctx context.Context, c *api.Caller, functionARN string, cfg state.FunctionConfiguration, all map[string]string) (sealed, error) {
	key, err := api.Call[kms.GenerateDataKeyOutput](ctx, s.Door, c, &kms.GenerateDataKeyInput{KeyId: &cfg.KMSKeyARN, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: contextOf(functionARN)})
	if err == nil {
		_, err = api.Call[kms.CreateGrantOutput](ctx, s.Door, c, &kms.CreateGrantInput{
			KeyId: &cfg.KMSKeyARN, GranteePrincipal: &cfg.Role, Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
			Constraints: &kmstypes.GrantConstraints{EncryptionContextEquals: contextOf(functionARN)},
		})
	}
	if err != nil {
		return sealed{}, ofKey(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return sealed{}, err
	}
	box, err := boxOf(key.Plaintext)
	if err != nil {
		return sealed{}, err
	}
	return sealed{Wrapped: key.CiphertextBlob, Under: box.Seal(nil, nil, text, []byte(functionARN))}, nil
}

func boxOf(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// ofKey is a refusal of KMS in Lambda's words.
func ofKey(err error) error {
	e := api.Refused(err)
	if e == nil {
		return err
	}
	code := map[string]string{"DisabledException": "KMSDisabledException", "NotFoundException": "KMSNotFoundException", "KMSInvalidStateException": "KMSInvalidStateException"}[e.Code]
	if code == "" {
		code = "KMSAccessDeniedException"
	}
	answer := failure(502, code, "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings. KMS Exception: %s KMS Message: %s", e.Code, e.Message)
	answer.Err = err
	return answer
}

// variables opens a version's variables as the caller, whom the key must admit if there is one.
func (s *Service) variables(ctx context.Context, c *api.Caller, v state.FunctionVersion) (all map[string]string, err error) {
	text, err := s.Seal.Open(nil, nil, v.Environment, []byte(v.FunctionARN))
	if err != nil {
		return nil, fmt.Errorf("opening the variables of %s: %w", v.FunctionARN, err)
	}
	var kept sealed
	if err := json.Unmarshal(text, &kept); err != nil || kept.Wrapped == nil {
		return kept.Plain, err
	}
	key, err := api.Call[kms.DecryptOutput](ctx, s.Door, c, &kms.DecryptInput{
		CiphertextBlob: kept.Wrapped, KeyId: &v.Configuration.KMSKeyARN, EncryptionContext: contextOf(v.FunctionARN),
	})
	if err != nil {
		return nil, ofKey(err)
	}
	box, err := boxOf(key.Plaintext)
	if err != nil {
		return nil, err
	}
	if text, err = box.Open(nil, nil, kept.Under, []byte(v.FunctionARN)); err != nil {
		return nil, fmt.Errorf("opening the variables of %s: %w", v.FunctionARN, err)
	}
	return all, json.Unmarshal(text, &all)
}

// shownVariables are a version's variables for whoever asks, or why they cannot be shown.
func (s *Service) shownVariables(ctx context.Context, c *api.Caller, v state.FunctionVersion) *types.EnvironmentResponse {
	all, err := s.variables(ctx, c.Through(Principal, c.Region), v)
	if e := api.Refused(err); e != nil || api.Code(err) != "" {
		return &types.EnvironmentResponse{Error: &types.EnvironmentError{ErrorCode: aws.String("AccessDeniedException"), Message: aws.String("Lambda was unable to decrypt your environment variables because the KMS access was denied. Please check your KMS permissions.")}}
	}
	if err != nil || len(all) == 0 {
		return nil
	}
	return &types.EnvironmentResponse{Variables: all}
}
