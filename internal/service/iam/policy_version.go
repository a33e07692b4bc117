package iam

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CreatePolicyVersion adds a version, which takes force at once if SetAsDefault says so.
func (s *Service) CreatePolicyVersion(ctx context.Context, c *api.Caller, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	var k constraints
	k.document("policyDocument", in.PolicyDocument)
	if err := k.err(); err != nil {
		return nil, err
	}
	if err := checkManagedDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var version state.PolicyVersion
	err := s.changePolicy(ctx, c, in.PolicyArn, func(ctx context.Context, tx *state.Tx, policy *state.Policy) error {
		versions, err := tx.PolicyVersions(ctx, policy.ARN)
		if err != nil {
			return err
		}
		if len(versions) >= maxPolicyVersions {
			return limitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxPolicyVersions)
		}
		policy.LastVersion++
		policy.UpdatedAt = tx.Now
		if in.SetAsDefault {
			policy.DefaultVersion = policy.LastVersion
		}
		version = state.PolicyVersion{PolicyARN: policy.ARN, Number: policy.LastVersion, Document: *in.PolicyDocument, CreatedAt: tx.Now}
		if err := tx.InsertPolicyVersion(ctx, version); err != nil {
			return err
		}
		return tx.UpdatePolicy(ctx, *policy)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
		VersionId: versionID(version.Number), IsDefaultVersion: in.SetAsDefault, CreateDate: seconds(version.CreatedAt),
	}}, nil
}

// GetPolicyVersion shows a version with its document.
func (s *Service) GetPolicyVersion(ctx context.Context, c *api.Caller, in *iam.GetPolicyVersionInput) (out *iam.GetPolicyVersionOutput, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy, err := findPolicy(ctx, tx, c, in.PolicyArn)
		if err != nil {
			return err
		}
		version, err := findVersion(ctx, tx, policy, in.VersionId)
		if err != nil {
			return err
		}
		shape := versionShape(policy, version)
		shape.Document = escape(version.Document)
		out = &iam.GetPolicyVersionOutput{PolicyVersion: &shape}
		return nil
	})
	return out, err
}

// ListPolicyVersions lists versions without their documents, newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, c *api.Caller, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	out := &iam.ListPolicyVersionsOutput{Versions: []types.PolicyVersion{}}
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		policy, err := findPolicy(ctx, tx, c, in.PolicyArn)
		if err != nil {
			return err
		}
		versions := []state.PolicyVersion{{PolicyARN: policy.ARN, Number: policy.DefaultVersion, CreatedAt: policy.UpdatedAt}}
		if awsPolicies()[policy.ARN] == nil {
			if versions, err = tx.PolicyVersions(ctx, policy.ARN); err != nil {
				return err
			}
		}
		// Newest first means that keys must fall as numbers rise.
		versions, out.Marker = cut(p, versions, func(v state.PolicyVersion) string { return fmt.Sprintf("%020d", 1<<62-v.Number) })
		for _, version := range versions {
			out.Versions = append(out.Versions, versionShape(policy, version))
		}
		out.IsTruncated = out.Marker != nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SetDefaultPolicyVersion puts a version in force.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, c *api.Caller, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	err := s.changePolicy(ctx, c, in.PolicyArn, func(ctx context.Context, tx *state.Tx, policy *state.Policy) error {
		version, err := findVersion(ctx, tx, *policy, in.VersionId)
		if err != nil {
			return err
		}
		policy.DefaultVersion, policy.UpdatedAt = version.Number, tx.Now
		return tx.UpdatePolicy(ctx, *policy)
	})
	if err != nil {
		return nil, err
	}
	return &iam.SetDefaultPolicyVersionOutput{}, nil
}

// DeletePolicyVersion removes a version that is not in force.
func (s *Service) DeletePolicyVersion(ctx context.Context, c *api.Caller, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	err := s.changePolicy(ctx, c, in.PolicyArn, func(ctx context.Context, tx *state.Tx, policy *state.Policy) error {
		version, err := findVersion(ctx, tx, *policy, in.VersionId)
		if err != nil {
			return err
		}
		if version.Number == policy.DefaultVersion {
			return deleteConflict("Cannot delete the default version of a policy.")
		}
		return tx.DeletePolicyVersion(ctx, policy.ARN, version.Number)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeletePolicyVersionOutput{}, nil
}

func findVersion(ctx context.Context, tx *state.Tx, policy state.Policy, id *string) (state.PolicyVersion, error) {
	digits, isVersion := strings.CutPrefix(aws.ToString(id), "v")
	number, err := strconv.ParseInt(digits, 10, 64)
	if !isVersion || err != nil || number < 1 {
		var k constraints
		k.add("versionId", aws.ToString(id), `satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`)
		return state.PolicyVersion{}, k.err()
	}
	missing := noSuchEntity("Policy %s version %s does not exist or is not attachable.", policy.ARN, *id)
	if p := awsPolicies()[policy.ARN]; p != nil {
		if number != policy.DefaultVersion {
			return state.PolicyVersion{}, missing
		}
		return state.PolicyVersion{PolicyARN: p.arn, Number: number, Document: string(p.Document), CreatedAt: policy.UpdatedAt}, nil
	}
	version, err := tx.PolicyVersion(ctx, policy.ARN, number)
	if errors.Is(err, state.ErrNotFound) {
		return version, missing
	}
	return version, err
}

func versionID(number int64) *string { return aws.String("v" + strconv.FormatInt(number, 10)) }

func versionShape(policy state.Policy, v state.PolicyVersion) types.PolicyVersion {
	return types.PolicyVersion{
		VersionId: versionID(v.Number), IsDefaultVersion: v.Number == policy.DefaultVersion, CreateDate: seconds(v.CreatedAt),
	}
}
