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

// governed are the services whose resources RCPs bind. AWS Backup is none of them, so that only its vaults' own policies
// keep others out: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services
var governed = []string{
	"aoss", "appconfig", "appstream", "autoscaling", "autoscaling-plans", "budgets", "clouddirectory", "cloudfront", "cloudsearch",
	"cloudtrail-data", "codeartifact", "codebuild", "codecommit", "codepipeline", "cognito-identity", "cognito-idp", "comprehend",
	"comprehendmedical", "compute-optimizer", "cost-optimization-hub", "dax", "dsql", "dynamodb", "ecr", "ecr-public", "events",
	"firehose", "fis", "fms", "gamelift", "health", "inspector-scan", "kendra", "kinesisvideo", "kms", "logs", "memorydb",
	"networkmonitor", "notifications", "opensearch", "pca-connector-ad", "personalize", "polly", "pricing", "resource-groups",
	"rolesanywhere", "s3", "secretsmanager", "servicediscovery", "signin", "sqs", "sts", "support", "swf", "textract",
	"timestream-influxdb", "transcribe", "transfer", "translate", "wafv2", "workspaces", "xray",
}

func governs(service string) bool {
	_, found := slices.BinarySearch(governed, service)
	return found
}

// boundByRCP reports whether resource control policies speak of an access. They do not bind what AWS manages, actions
// without a resource, nor the retirement of grants.
func boundByRCP(access *api.Access) bool {
	service, _, _ := strings.Cut(access.Action, ":")
	return governs(service) && access.Resource != "*" && access.Action != "kms:RetireGrant" && !access.AWSManaged
}
