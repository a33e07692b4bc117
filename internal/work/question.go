package work

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// Questions that jobs ask before they act: what policies would say to a call, without making it and without a record of it.

// answer makes the fact of what asking came to. What may pass is no answer, but an error.
func answer(err error) (rules.Answer, error) {
	if err == nil {
		return rules.Yes(), nil
	}
	if refused := api.Refused(err); refused != nil {
		return rules.No(refused.Error(), api.ExplanationOf(err)), nil
	}
	return rules.Answer{}, err
}

// askRole assumes a job's role. Where that is refused, asker is what a session of the role would be, so that other gates can
// be asked all the same; nil if there is no such role.
func (r *Runner) askRole(ctx context.Context, accountID, region, vaultARN, roleARN, session string) (role, asker *api.Caller, _ rules.Answer, err error) {
	role, refused := r.assume(ctx, accountID, region, vaultARN, roleARN, session)
	says, err := answer(refused)
	if err != nil || role != nil {
		return role, role, says, err
	}
	says.Message = ""
	asker, err = r.Identity.Session(ctx, roleARN, session)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil, rules.No(rules.RoleDoesNotExist, nil), nil
	} else if err != nil {
		return nil, nil, says, err
	}
	return nil, asker.Through(backupService, region), says, nil
}

// askVaultKey asks whether the service may use a vault's own key for it: under the grant of the vault's creator, or as the
// account's service-linked role.
func (r *Runner) askVaultKey(ctx context.Context, v state.BackupVault) (rules.Answer, error) {
	caller := api.ServiceCaller(backupService, v.AccountID, v.Region)
	if v.IsServiceKey() {
		linked, err := r.Identity.Session(ctx, rules.ServiceLinkedRole(v.AccountID), "vault-"+v.Name)
		if errors.Is(err, state.ErrNotFound) {
			return rules.Unknown("Account " + v.AccountID + " has no service-linked role yet."), nil
		} else if err != nil {
			return rules.Answer{}, err
		}
		caller = linked.Through(backupService, v.Region)
	}
	return r.askKey(ctx, caller, v.KeyARN, &kms.GenerateDataKeyInput{
		KeyId: &v.KeyARN, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: map[string]string{archive.ContextVault: v.ARN},
	})
}

// askKey asks whether a caller may make a call to KMS about a key.
func (r *Runner) askKey(ctx context.Context, c *api.Caller, keyARN string, call any) (rules.Answer, error) {
	key, err := arn.Parse(keyARN)
	if err != nil {
		return rules.Answer{}, err
	}
	return answer(r.Door.Check(ctx, c.In(key.Region), call))
}

// askTags asks for the tags that a copy takes along, where the kind keeps them in its own service, by reading them.
func (r *Runner) askTags(ctx context.Context, role *api.Caller, point state.RecoveryPoint) (rules.Answer, error) {
	kind, err := r.kindNamed(point.ResourceType)
	if err != nil {
		return rules.Unknown(err.Error()), nil
	}
	reader, is := kind.(resource.TagReader)
	if !is {
		return rules.Unknown("The recovery point's tags are kept with it."), nil
	}
	return answer(reader.ReadTags(ctx, role, point))
}

// gateError is an error of a job's work that belongs to a gate which was open when it was asked.
type gateError struct {
	gate string
	err  error
}

func (e *gateError) Error() string { return e.err.Error() }
func (e *gateError) Unwrap() error { return e.err }

// at says at which gate an error is met; nil stays nil.
func at(gate string, err error) error {
	if err == nil {
		return nil
	}
	return &gateError{gate, err}
}

// theWork is where trails tell of what no gate foresees.
const theWork = "work"

// trailOf is the trail of a job that err ended: what was not foreseen is told at its gate, or as the work's own.
func trailOf(trail rules.Trail, err error, end outcome) rules.Trail {
	if foreseen := trail.Refusal(); foreseen != nil && foreseen.Message == end.message {
		return trail
	}
	gate := theWork
	if met, ok := errors.AsType[*gateError](err); ok {
		gate = met.gate
	}
	refusal, ok := errors.AsType[*rules.Refusal](err)
	if !ok {
		refusal = &rules.Refusal{Message: end.message, Category: end.category}
		if cause := err.Error(); cause != end.message {
			refusal.Cause = cause
		}
	}
	return trail.With(gate, rules.RefusedBy(refusal, api.ExplanationOf(err)))
}
