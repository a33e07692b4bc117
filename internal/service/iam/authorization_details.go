package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// detailed is one thing that GetAccountAuthorizationDetails shows, and where in its list it stands.
type detailed struct {
	key string // the place of its kind, and its name
	add func(ctx context.Context, tx *state.Tx, out *iam.GetAccountAuthorizationDetailsOutput) error
}

// detailKind is a kind of things and how its list goes on behind a name.
type detailKind struct {
	filter types.EntityType
	list   func(ctx context.Context, tx *state.Tx, c *api.Caller, after string, limit int) ([]detailed, error)
}

// detailKinds are in the order in which the pages show them.
var detailKinds = []detailKind{
	{types.EntityTypeUser, userDetails},
	{types.EntityTypeGroup, groupDetails},
	{types.EntityTypeRole, roleDetails},
	{types.EntityTypeLocalManagedPolicy, localPolicyDetails},
	{types.EntityTypeAWSManagedPolicy, awsPolicyDetails},
}

// GetAccountAuthorizationDetails shows all that decides about rights in the account: users, groups, roles and policies
// with all their documents. Of AWS's policies it shows those in use.
func (s *Service) GetAccountAuthorizationDetails(ctx context.Context, c *api.Caller, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	p, err := s.page(c, in, fmt.Sprint(in.Filter))
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{}, RoleDetailList: []types.RoleDetail{},
		Policies: []types.ManagedPolicyDetail{},
	}
	if err := s.authorizer.Settle(ctx); err != nil {
		return nil, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		var found []detailed
		for i, kind := range detailKinds {
			place := string(rune('0' + i))
			if len(in.Filter) > 0 && !slices.Contains(in.Filter, kind.filter) || len(found) > p.limit || p.after != "" && p.after[:1] > place {
				continue
			}
			after := ""
			if strings.HasPrefix(p.after, place) {
				after = p.after[1:]
			}
			things, err := kind.list(ctx, tx, c, after, p.limit+1-len(found))
			if err != nil {
				return err
			}
			for _, thing := range things {
				thing.key = place + thing.key
				found = append(found, thing)
			}
		}
		found, out.Marker = cut(p, found, func(d detailed) string { return d.key })
		for _, thing := range found {
			if err := thing.add(ctx, tx, out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated = out.Marker != nil
	return out, nil
}

func userDetails(ctx context.Context, tx *state.Tx, c *api.Caller, after string, limit int) (list []detailed, err error) {
	users, err := tx.Users(ctx, c.AccountID, "/", after, limit)
	for _, u := range users {
		list = append(list, detailed{u.Name, func(ctx context.Context, tx *state.Tx, out *iam.GetAccountAuthorizationDetailsOutput) error {
			shape := types.UserDetail{
				Arn: aws.String(u.ARN()), CreateDate: seconds(u.CreatedAt), Path: aws.String(u.Path), UserId: aws.String(u.ID),
				UserName: aws.String(u.Name), Tags: tagList(u.Tags), PermissionsBoundary: boundaryShape(u.BoundaryARN), GroupList: []string{},
			}
			groups, err := tx.GroupsOfUser(ctx, c.AccountID, u.Name)
			if err != nil {
				return err
			}
			for _, g := range groups {
				shape.GroupList = append(shape.GroupList, g.Name)
			}
			shape.UserPolicyList, shape.AttachedManagedPolicies, err = policyDetails(ctx, tx, c, state.KindUser, u.Name)
			out.UserDetailList = append(out.UserDetailList, shape)
			return err
		}})
	}
	return list, err
}

func groupDetails(ctx context.Context, tx *state.Tx, c *api.Caller, after string, limit int) (list []detailed, err error) {
	groups, err := tx.Groups(ctx, c.AccountID, "/", after, limit)
	for _, g := range groups {
		list = append(list, detailed{g.Name, func(ctx context.Context, tx *state.Tx, out *iam.GetAccountAuthorizationDetailsOutput) (err error) {
			shape := types.GroupDetail{
				Arn: aws.String(g.ARN()), CreateDate: seconds(g.CreatedAt), Path: aws.String(g.Path), GroupId: aws.String(g.ID), GroupName: aws.String(g.Name),
			}
			shape.GroupPolicyList, shape.AttachedManagedPolicies, err = policyDetails(ctx, tx, c, state.KindGroup, g.Name)
			out.GroupDetailList = append(out.GroupDetailList, shape)
			return err
		}})
	}
	return list, err
}

func roleDetails(ctx context.Context, tx *state.Tx, c *api.Caller, after string, limit int) (list []detailed, err error) {
	roles, err := tx.Roles(ctx, c.AccountID, "/", after, limit)
	for _, r := range roles {
		list = append(list, detailed{r.Name, func(ctx context.Context, tx *state.Tx, out *iam.GetAccountAuthorizationDetailsOutput) error {
			used, err := withLastUse(ctx, tx, r)
			if err != nil {
				return err
			}
			role := roleShape(used)
			shape := types.RoleDetail{
				Arn: role.Arn, CreateDate: role.CreateDate, Path: role.Path, RoleId: role.RoleId, RoleName: role.RoleName, Tags: role.Tags,
				AssumeRolePolicyDocument: role.AssumeRolePolicyDocument, PermissionsBoundary: role.PermissionsBoundary, RoleLastUsed: role.RoleLastUsed,
				InstanceProfileList: []types.InstanceProfile{},
			}
			profiles, err := tx.InstanceProfilesOfRole(ctx, c.AccountID, r.Name)
			if err != nil {
				return err
			}
			for _, profile := range profiles {
				profile.Tags = nil
				shape.InstanceProfileList = append(shape.InstanceProfileList, *profileShape(profile, &r))
			}
			shape.RolePolicyList, shape.AttachedManagedPolicies, err = policyDetails(ctx, tx, c, state.KindRole, r.Name)
			out.RoleDetailList = append(out.RoleDetailList, shape)
			return err
		}})
	}
	return list, err
}

func localPolicyDetails(ctx context.Context, tx *state.Tx, c *api.Caller, after string, limit int) (list []detailed, err error) {
	policies, err := tx.Policies(ctx, c.AccountID, "/")
	if err != nil {
		return nil, err
	}
	for _, p := range policies {
		if p.ARN <= after || len(list) == limit {
			continue
		}
		list = append(list, detailed{p.ARN, func(ctx context.Context, tx *state.Tx, out *iam.GetAccountAuthorizationDetailsOutput) error {
			versions, err := tx.PolicyVersions(ctx, p.ARN)
			if err != nil {
				return err
			}
			return addPolicyDetail(ctx, tx, c, out, p, versions)
		}})
	}
	return list, nil
}

func awsPolicyDetails(ctx context.Context, tx *state.Tx, c *api.Caller, after string, limit int) (list []detailed, err error) {
	used, err := tx.PolicyAttachmentCounts(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	bounds, err := tx.BoundaryUseCounts(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	for _, p := range awsPolicies() {
		if used[p.arn]+bounds[p.arn] == 0 || p.arn <= after {
			continue
		}
		row := p.row()
		list = append(list, detailed{p.arn, func(ctx context.Context, tx *state.Tx, out *iam.GetAccountAuthorizationDetailsOutput) error {
			version := state.PolicyVersion{PolicyARN: p.arn, Number: row.DefaultVersion, Document: string(p.Document), CreatedAt: row.UpdatedAt}
			return addPolicyDetail(ctx, tx, c, out, row, []state.PolicyVersion{version})
		}})
	}
	slices.SortFunc(list, func(a, b detailed) int { return strings.Compare(a.key, b.key) })
	return list[:min(len(list), limit)], nil
}

func addPolicyDetail(ctx context.Context, tx *state.Tx, c *api.Caller, out *iam.GetAccountAuthorizationDetailsOutput, p state.Policy, versions []state.PolicyVersion) error {
	holders, err := tx.PolicyHolders(ctx, c.AccountID, p.ARN)
	if err != nil {
		return err
	}
	bounded, err := tx.BoundaryUses(ctx, c.AccountID, p.ARN)
	if err != nil {
		return err
	}
	policy := policyShape(p, len(holders), bounded)
	shape := types.ManagedPolicyDetail{
		Arn: policy.Arn, PolicyName: policy.PolicyName, PolicyId: policy.PolicyId, Path: policy.Path, DefaultVersionId: policy.DefaultVersionId,
		AttachmentCount: policy.AttachmentCount, PermissionsBoundaryUsageCount: policy.PermissionsBoundaryUsageCount,
		IsAttachable: policy.IsAttachable, Description: policy.Description, CreateDate: policy.CreateDate, UpdateDate: policy.UpdateDate,
	}
	for _, v := range versions {
		version := versionShape(p, v)
		version.Document = escape(v.Document)
		shape.PolicyVersionList = append(shape.PolicyVersionList, version)
	}
	out.Policies = append(out.Policies, shape)
	return nil
}

func policyDetails(ctx context.Context, tx *state.Tx, c *api.Caller, kind state.PrincipalKind, name string) ([]types.PolicyDetail, []types.AttachedPolicy, error) {
	inline, err := tx.InlinePolicies(ctx, c.AccountID, kind, name)
	if err != nil {
		return nil, nil, err
	}
	embedded := []types.PolicyDetail{}
	for _, p := range inline {
		embedded = append(embedded, types.PolicyDetail{PolicyName: aws.String(p.Name), PolicyDocument: escape(p.Document)})
	}
	arns, err := tx.AttachedPolicies(ctx, c.AccountID, kind, name)
	attached := []types.AttachedPolicy{}
	for _, arn := range arns {
		attached = append(attached, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(lastSegment(arn))})
	}
	return embedded, attached, err
}
