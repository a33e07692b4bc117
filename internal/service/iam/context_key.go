package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/iampolicy"
	"strongroom/internal/api"
)

// GetContextKeysForCustomPolicy lists the condition keys that policies ask for.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, _ *api.Caller, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	policies, err := parseAll(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: contextKeys(policies)}, nil
}

// GetContextKeysForPrincipalPolicy lists those that the policies of a user, group or role ask for, and further policies.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, c *api.Caller, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	policies, err := parseAll(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	found, err := s.subject(ctx, c, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	for _, source := range found.policies.identity {
		policies = append(policies, source.Policy)
	}
	if boundary := found.policies.boundary; boundary != nil {
		policies = append(policies, boundary.Policy)
	}
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: contextKeys(policies)}, nil
}

func parseAll(documents []string) ([]*iampolicy.Policy, error) {
	var policies []*iampolicy.Policy
	for _, document := range documents {
		p, err := iampolicy.Parse([]byte(document))
		if err != nil {
			return nil, invalidInput("Invalid policy: %s", iampolicy.MalformedMessage(err))
		}
		policies = append(policies, p)
	}
	return policies, nil
}

// contextKeys are sorted, each as it was first written and once whatever its case.
func contextKeys(policies []*iampolicy.Policy) []string {
	keys := []string{}
	for _, p := range policies {
		for _, key := range p.ContextKeys() {
			if !slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) }) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}
