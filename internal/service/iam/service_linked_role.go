package iam

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// serviceLinkedRole is what a service's own role looks like.
type serviceLinkedRole struct {
	name, policy string
}

// serviceLinkedRoles by service principal:
// https://docs.aws.amazon.com/aws-backup/latest/devguide/using-service-linked-roles.html and the pages of the others.
var serviceLinkedRoles = map[string]serviceLinkedRole{
	"backup.amazonaws.com":                 {"AWSServiceRoleForBackup", linkedPolicy("AWSBackupServiceLinkedRolePolicyForBackup")},
	"reports.backup.amazonaws.com":         {"AWSServiceRoleForBackupReports", linkedPolicy("AWSServiceRolePolicyForBackupReports")},
	"restore-testing.backup.amazonaws.com": {"AWSServiceRoleForBackupRestoreTesting", linkedPolicy("AWSServiceRolePolicyForBackupRestoreTesting")},
	"cloudtrail.amazonaws.com":             {"AWSServiceRoleForCloudTrail", linkedPolicy("CloudTrailServiceRolePolicy")},
	"organizations.amazonaws.com":          {"AWSServiceRoleForOrganizations", linkedPolicy("AWSOrganizationsServiceTrustPolicy")},
	"rds.amazonaws.com":                    {"AWSServiceRoleForRDS", linkedPolicy("AmazonRDSServiceRolePolicy")},
}

func linkedPolicy(name string) string { return awsPolicyPrefix + "aws-service-role/" + name }

// EnsureServiceLinkedRole makes the role of a service in an account if it is not there, and returns its ARN.
func (s *Service) EnsureServiceLinkedRole(ctx context.Context, accountID, servicePrincipal string) (roleARN string, err error) {
	linked, ok := serviceLinkedRoles[servicePrincipal]
	if !ok {
		return "", fmt.Errorf("%s has no service-linked role", servicePrincipal)
	}
	var role state.Role
	read := func(ctx context.Context, tx *state.Tx) (err error) {
		role, err = tx.Role(ctx, accountID, linked.name)
		return err
	}
	if err = s.DB.View(ctx, read); !errors.Is(err, state.ErrNotFound) {
		return role.ARN(), err
	}
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if err = read(ctx, tx); errors.Is(err, state.ErrNotFound) {
			role, err = insertServiceLinkedRole(ctx, tx, accountID, servicePrincipal, "")
		}
		return err
	})
	return role.ARN(), err
}

// EnsureServiceLinkedRoleIn makes it in a transaction of [state.DB.UpdatePrincipals].
func EnsureServiceLinkedRoleIn(ctx context.Context, tx *state.Tx, accountID, servicePrincipal string) error {
	_, err := tx.Role(ctx, accountID, serviceLinkedRoles[servicePrincipal].name)
	if errors.Is(err, state.ErrNotFound) {
		_, err = insertServiceLinkedRole(ctx, tx, accountID, servicePrincipal, "")
	}
	return err
}

// HasServiceLinkedRole reports whether an account has the role of a service.
func (s *Service) HasServiceLinkedRole(ctx context.Context, accountID, servicePrincipal string) (there bool, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.Role(ctx, accountID, serviceLinkedRoles[servicePrincipal].name)
		there = err == nil
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		return err
	})
	return there, err
}

func insertServiceLinkedRole(ctx context.Context, tx *state.Tx, accountID, servicePrincipal, description string) (state.Role, error) {
	linked := serviceLinkedRoles[servicePrincipal]
	role := state.Role{
		AccountID: accountID, Name: linked.name, ID: newUniqueID(rolePrefix), Path: "/aws-service-role/" + servicePrincipal + "/",
		Trust:       ServiceTrust(servicePrincipal),
		Description: description, MaxSession: minSessionDuration, Tags: map[string]string{}, CreatedAt: tx.Now,
	}
	if err := tx.InsertRole(ctx, role); err != nil {
		return role, err
	}
	return role, tx.AttachPolicy(ctx, accountID, state.KindRole, role.Name, linked.policy)
}

// ServiceTrust is the trust policy of a role that a service may assume.
func ServiceTrust(servicePrincipal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + servicePrincipal +
		`"},"Action":"sts:AssumeRole"}]}`
}

// CreateServiceLinkedRole makes a service's role.
func (s *Service) CreateServiceLinkedRole(ctx context.Context, c *api.Caller, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := aws.ToString(in.AWSServiceName)
	linked, ok := serviceLinkedRoles[service]
	switch {
	case !ok:
		return nil, invalidInput("Service %s does not have a service-linked role.", service)
	case aws.ToString(in.CustomSuffix) != "":
		return nil, invalidInput("Custom suffix is not allowed for %s", service)
	}
	var role state.Role
	err := s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		role, err = insertServiceLinkedRole(ctx, tx, c.AccountID, service, aws.ToString(in.Description))
		if errors.Is(err, state.ErrExists) {
			return invalidInput("Service role name %s has been taken in this account, please try a different suffix.", linked.name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: roleShape(role)}, nil
}

// DeleteServiceLinkedRole removes a service's role, unless the service still needs it, and keeps what came of it under a
// task id.
func (s *Service) DeleteServiceLinkedRole(ctx context.Context, c *api.Caller, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	role, err := s.role(ctx, c, in.RoleName)
	if err != nil {
		return nil, err
	}
	if !role.ServiceLinked() {
		return nil, invalidInput("Role %s is not a service-linked role.", role.Name)
	}
	service := role.Path[len("/aws-service-role/") : len(role.Path)-1]
	task := state.RoleDeletion{
		ID: "task" + role.Path + role.Name + "/" + uuid.NewString(), AccountID: c.AccountID, RoleName: role.Name,
		Status: string(types.DeletionTaskStatusTypeSucceeded),
	}
	if s.ServiceRoleInUse != nil {
		if task.Reason, err = s.ServiceRoleInUse(ctx, c.AccountID, service); err != nil {
			return nil, err
		}
	}
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		task.CreatedAt = tx.Now
		if task.Reason != "" {
			task.Status = string(types.DeletionTaskStatusTypeFailed)
			return tx.InsertRoleDeletion(ctx, task)
		}
		if err := tx.DetachAllPolicies(ctx, c.AccountID, state.KindRole, role.Name); err != nil {
			return err
		}
		if err := tx.DeleteRole(ctx, c.AccountID, role.Name); err != nil {
			return err
		}
		if s.ServiceRoleGone != nil {
			if err := s.ServiceRoleGone(ctx, tx, c.AccountID, service); err != nil {
				return err
			}
		}
		return tx.InsertRoleDeletion(ctx, task)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: aws.String(task.ID)}, nil
}

// GetServiceLinkedRoleDeletionStatus tells what came of a DeleteServiceLinkedRole.
func (s *Service) GetServiceLinkedRoleDeletionStatus(ctx context.Context, c *api.Caller, in *iam.GetServiceLinkedRoleDeletionStatusInput) (out *iam.GetServiceLinkedRoleDeletionStatusOutput, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		task, err := tx.RoleDeletion(ctx, c.AccountID, aws.ToString(in.DeletionTaskId))
		if errors.Is(err, state.ErrNotFound) {
			return noSuchEntity("The deletion task with id %s cannot be found.", aws.ToString(in.DeletionTaskId))
		}
		if err != nil {
			return err
		}
		out = &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusType(task.Status)}
		if task.Reason != "" {
			out.Reason = &types.DeletionTaskFailureReasonType{Reason: aws.String(task.Reason)}
		}
		return nil
	})
	return out, err
}
