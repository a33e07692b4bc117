package kms

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"strongroom/arn"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// The only policy a key has, and the size it may have.
// https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
const (
	policyName    = "default"
	maxPolicySize = 32 << 10
)

// defaultPolicy is the policy of a key that was created without one: it leaves everything to the account's own policies.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
func defaultPolicy(accountID string) string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::%s:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`, accountID)
}

// GetKeyPolicy returns a key's policy as it was given.
func (s *Service) GetKeyPolicy(ctx context.Context, c *api.Caller, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	t, err := s.find(ctx, c, "GetKeyPolicy", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: new(t.Policy), PolicyName: new(policyName)}, nil
}

func (s *Service) getKeyPolicyAccess(ctx context.Context, c *api.Caller, in *kms.GetKeyPolicyInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "GetKeyPolicy"})
}

// PutKeyPolicy replaces a key's policy.
func (s *Service) PutKeyPolicy(ctx context.Context, c *api.Caller, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if in.Policy == nil {
		return nil, errNull("policy")
	}
	if err := checkPolicyName(in.PolicyName); err != nil {
		return nil, err
	}
	t, err := s.find(ctx, c, "PutKeyPolicy", in.KeyId, own)
	if err != nil {
		return nil, err
	}
	if err := s.checkPolicy(ctx, c, t.arn, *in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
		return nil, err
	}
	// In every state: who is to cancel a deletion may have to be let in first.
	return &kms.PutKeyPolicyOutput{}, s.change(ctx, t.liveKey, func(_ context.Context, _ *state.Tx, row *state.Key) error {
		row.Policy = *in.Policy
		return nil
	})
}

func (s *Service) putKeyPolicyAccess(ctx context.Context, c *api.Caller, in *kms.PutKeyPolicyInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "PutKeyPolicy", more: map[string][]string{
		"kms:BypassPolicyLockoutSafetyCheck": {strconv.FormatBool(in.BypassPolicyLockoutSafetyCheck)},
	}})
}

// ListKeyPolicies names the one policy that a key has.
func (s *Service) ListKeyPolicies(ctx context.Context, c *api.Caller, in *kms.ListKeyPoliciesInput) (*kms.ListKeyPoliciesOutput, error) {
	if _, err := s.find(ctx, c, "ListKeyPolicies", in.KeyId, own); err != nil {
		return nil, err
	}
	return &kms.ListKeyPoliciesOutput{PolicyNames: []string{policyName}}, nil
}

func (s *Service) listKeyPoliciesAccess(ctx context.Context, c *api.Caller, in *kms.ListKeyPoliciesInput) ([]api.Access, error) {
	return s.ask(ctx, c, in.KeyId, own, question{operation: "ListKeyPolicies"})
}

func checkPolicyName(name *string) error {
	if name != nil && *name != policyName {
		return api.Errorf("NotFoundException", "No such policy exists")
	}
	return nil
}

// checkPolicy says whether a key may get a policy: it must be one, name principals that exist, and leave somebody who can
// change it again.
func (s *Service) checkPolicy(ctx context.Context, c *api.Caller, key, document string, bypass bool) error {
	if len(document) > maxPolicySize {
		return api.Errorf("LimitExceededException", "The key policy is %d bytes long; at most %d are allowed.", len(document), maxPolicySize)
	}
	p, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(p, iampolicy.KeyPolicy)
	}
	if err != nil {
		return &api.Error{Code: "MalformedPolicyDocumentException", Message: err.Error(), Err: err}
	}
	for _, statement := range p.Statements {
		for _, principals := range []*iampolicy.Principals{statement.Principal, statement.NotPrincipal} {
			if err := s.checkPrincipals(ctx, principals); err != nil {
				return err
			}
		}
	}
	if bypass {
		return nil
	}
	return s.checkLockout(ctx, c, key, document)
}

func (s *Service) checkPrincipals(ctx context.Context, principals *iampolicy.Principals) error {
	if principals == nil {
		return nil
	}
	for _, name := range principals.AWS {
		if name == "*" {
			continue
		}
		exists, err := s.principalExists(ctx, name)
		if err != nil {
			return err
		}
		if !exists {
			return &api.Error{Code: rules.PrincipalsInvalid.Error.Code, Message: rules.PrincipalsInvalid.Text}
		}
	}
	return nil
}

// principalExists reports whether an AWS principal, an ARN or an account id, exists.
func (s *Service) principalExists(ctx context.Context, name string) (bool, error) {
	if isAccountID(name) {
		name = rootARN(name)
	}
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" && a.Service != "sts" || !isAccountID(a.AccountID) {
		return false, nil
	}
	if s.PrincipalExists == nil {
		return true, nil
	}
	return s.PrincipalExists(ctx, name)
}

// checkLockout refuses a policy under which neither the key's account nor the caller could change the policy again.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
func (s *Service) checkLockout(ctx context.Context, c *api.Caller, key, document string) error {
	root := &api.Caller{
		AccountID: c.AccountID, ARN: rootARN(c.AccountID), UserID: c.AccountID, Region: c.Region,
		SourceIP: c.SourceIP, UserAgent: c.UserAgent, Secure: c.Secure, RequestID: c.RequestID, Date: c.Date, ReceivedAt: c.ReceivedAt,
	}
	var refused error
	for _, who := range []*api.Caller{root, c} {
		keys := map[string][]string{}
		callerConditions(who, keys)
		refused = s.Door.Authorize(ctx, who, "kms", api.Access{
			Action: "kms:PutKeyPolicy", Resource: key, ResourceAccountID: c.AccountID, KeyPolicy: true, Context: keys,
			ResourcePolicies: []api.PolicyDocument{{Name: "new key policy of " + key, Document: document}},
		})
		if refused == nil {
			return nil
		}
		if api.Code(refused) != "AccessDeniedException" {
			return refused
		}
	}
	return &api.Error{
		Code:    "MalformedPolicyDocumentException",
		Message: "The new key policy will not allow you to update the key policy in the future.",
		Err:     refused,
	}
}

func rootARN(accountID string) string { return "arn:aws:iam::" + accountID + ":root" }

func isAccountID(text string) bool {
	return len(text) == 12 && strings.Trim(text, "0123456789") == ""
}
