package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// controlTypes are how Organizations calls the kinds of policy that bind accounts.
var controlTypes = map[iampolicy.Kind]string{iampolicy.SCP: "SERVICE_CONTROL_POLICY", iampolicy.RCP: "RESOURCE_CONTROL_POLICY"}

// controlPolicies reads the policies of each level; nil if the kind is not enabled.
func (k *knowledge) controlPolicies(ctx context.Context, tx *state.Tx, organizationID string, kind iampolicy.Kind, levels []string) ([][]iampolicy.Source, error) {
	enabled, err := tx.PolicyTypes(ctx, organizationID)
	if err != nil || !slices.Contains(enabled, controlTypes[kind]) {
		return nil, err
	}
	sources := make([][]iampolicy.Source, len(levels))
	for i, level := range levels {
		policies, err := tx.PoliciesOfTarget(ctx, organizationID, controlTypes[kind], level)
		if err != nil {
			return nil, err
		}
		for _, policy := range policies {
			parsed, err := k.cache.parse(policy.Content)
			if err != nil {
				return nil, fmt.Errorf("reading the %s %s: %w", kind, policy.ID, err)
			}
			name := fmt.Sprintf("%s %s (%s) of %s", kind, policy.ID, policy.Name, level)
			sources[i] = append(sources[i], iampolicy.Source{Name: name, Kind: kind, Policy: parsed, ID: policy.ID})
		}
	}
	return sources, nil
}

// governed are the services whose resources RCPs bind:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
var governed = []string{
	"s3", "sts", "kms", "sqs", "secretsmanager", "cognito-identity", "cognito-idp", "logs", "dynamodb", "ecr", "aoss",
}

// boundByRCP reports whether resource control policies speak of an access. They do not bind what AWS manages, and the
// retirement of grants is spared as well.
func boundByRCP(access *api.Access) bool {
	service, _, _ := strings.Cut(access.Action, ":")
	return slices.Contains(governed, service) && access.Action != "kms:RetireGrant" && !access.AWSManaged
}
