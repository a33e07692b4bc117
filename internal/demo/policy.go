package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	organizationstypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// unitName is the organizational unit whose accounts get the plans.
const unitName = "Workloads"

// openOrganization lets AWS Backup into the organization, and policies for it.
func (s *solution) openOrganization(ctx context.Context) error {
	if _, err := s.management.organizations.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String(backupService)}); err != nil {
		return fmt.Errorf("giving AWS Backup trusted access: %w", err)
	}
	root, err := s.root(ctx)
	if err != nil {
		return err
	}
	_, err = s.management.organizations.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: organizationstypes.PolicyTypeBackupPolicy})
	var enabled *organizationstypes.PolicyTypeAlreadyEnabledException
	if err != nil && !errors.As(err, &enabled) {
		return fmt.Errorf("enabling backup policies: %w", err)
	}
	return nil
}

// root is the organization's root.
func (s *solution) root(ctx context.Context) (string, error) {
	roots, err := s.management.organizations.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil {
		return "", fmt.Errorf("looking for the organization's root: %w", err)
	}
	return aws.ToString(roots.Roots[0].Id), nil
}

// handDown attaches one backup policy with the three plans to the unit that the member account is moved into, and waits until
// the member has them.
func (s *solution) handDown(ctx context.Context) error {
	root, err := s.root(ctx)
	if err != nil {
		return err
	}
	manager := s.management.organizations
	unit, err := manager.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &root, Name: aws.String(unitName)})
	if err != nil {
		return fmt.Errorf("creating the unit %s: %w", unitName, err)
	}
	if _, err := manager.MoveAccount(ctx, &organizations.MoveAccountInput{
		AccountId: &s.member.id, SourceParentId: &root, DestinationParentId: unit.OrganizationalUnit.Id,
	}); err != nil {
		return fmt.Errorf("moving the member account into %s: %w", unitName, err)
	}
	content, err := s.backupPolicy()
	if err != nil {
		return err
	}
	policy, err := manager.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("nightly"), Description: aws.String("The plans " + planSimple + ", " + planCrossed + " and " + planSpecial),
		Type: organizationstypes.PolicyTypeBackupPolicy, Content: &content,
	})
	if err != nil {
		return fmt.Errorf("creating the backup policy: %w", err)
	}
	if _, err := manager.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: policy.Policy.PolicySummary.Id, TargetId: unit.OrganizationalUnit.Id}); err != nil {
		return fmt.Errorf("attaching the backup policy: %w", err)
	}
	return until(ctx, func() (bool, error) {
		plans, err := s.member.backup.ListBackupPlans(ctx, &backup.ListBackupPlansInput{})
		if err != nil {
			return false, fmt.Errorf("looking for the plans in the member account: %w", err)
		}
		return len(plans.BackupPlansList) == 3, nil
	})
}

// node is an object of a backup policy.
type node map[string]any

func assign(value any) node { return node{"@@assign": value} }

// backupPolicy is the document that defines the plans. It names the role of whichever account it reaches, and the vaults of
// the backup account.
func (s *solution) backupPolicy() (string, error) {
	lifecycle := node{"delete_after_days": assign("35")}
	plan := func(name string, copyActions node) node {
		rule := node{
			"schedule_expression":         assign(nightly),
			"start_backup_window_minutes": assign("60"),
			"target_backup_vault_name":    assign(memberVault),
			"lifecycle":                   lifecycle,
		}
		if copyActions != nil {
			rule["copy_actions"] = copyActions
		}
		return node{
			"regions": assign([]string{s.member.region}),
			"rules":   node{"nightly": rule},
			"selections": node{"tags": node{"tagged": node{
				"iam_role_arn": assign("arn:aws:iam::$account:role/" + roleName),
				"tag_key":      assign("backup"),
				"tag_value":    assign([]string{name}),
			}}},
		}
	}
	copyTo := func(vault string) node {
		return node{vault: node{"target_backup_vault_arn": assign(vault), "lifecycle": lifecycle}}
	}
	text, err := json.Marshal(node{"plans": node{
		planSimple:  plan(planSimple, nil),
		planCrossed: plan(planCrossed, copyTo(s.vaulted.vaultARN(backupVault))),
		planSpecial: plan(planSpecial, copyTo(s.first.vaultARN(firstVault))),
	}})
	return string(text), err
}
