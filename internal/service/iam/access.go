package iam

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// The rows of IAM's table differ only in the resource that an operation is about, which a field of its input names, and
// all supply the same condition keys from the fields that their inputs share:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html

type method[In, Out any] = func(context.Context, *api.Caller, *In) (*Out, error)

func onRole[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error) {
		name := api.Field(in, "RoleName")
		role, err := tx.Role(ctx, c.AccountID, name)
		if err != nil {
			return resource{arn: state.Role{AccountID: c.AccountID, Name: name, Path: pathOf(in)}.ARN()}, err
		}
		return resource{role.ARN(), role.Tags, role.BoundaryARN}, nil
	})
}

func onUser[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error) {
		name := api.Field(in, "UserName")
		if name == "" {
			name = callerUser(c)
		}
		user, err := tx.User(ctx, c.AccountID, name)
		if err != nil {
			return resource{arn: state.User{AccountID: c.AccountID, Name: name, Path: pathOf(in)}.ARN()}, err
		}
		return resource{user.ARN(), user.Tags, user.BoundaryARN}, nil
	})
}

func onGroup[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error) {
		name := api.Field(in, "GroupName")
		group, err := tx.Group(ctx, c.AccountID, name)
		if err != nil {
			return resource{arn: state.Group{AccountID: c.AccountID, Name: name, Path: pathOf(in)}.ARN()}, err
		}
		return resource{arn: group.ARN()}, nil
	})
}

func onPolicy[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error) {
		arn := api.Field(in, "PolicyArn")
		if arn == "" {
			return resource{arn: policyARN(c.AccountID, pathOf(in), api.Field(in, "PolicyName"))}, nil
		}
		policy, err := tx.Policy(ctx, arn)
		return resource{arn: arn, tags: policy.Tags}, err
	})
}

// onAccount is a row about all things of a kind.
func onAccount[In, Out any](s *Service, fn method[In, Out], kind string) api.Operation {
	return row(s, fn, func(_ context.Context, _ *state.Tx, c *api.Caller, in any) (resource, error) {
		if kind == "" {
			return resource{arn: "*"}, nil
		}
		prefix := api.Field(in, "PathPrefix")
		if prefix == "" {
			prefix = "/"
		}
		return resource{arn: "arn:aws:iam::" + c.AccountID + ":" + kind + prefix}, nil
	})
}

// onServiceRole is a row about a service-linked role that the service's name stands for.
func onServiceRole[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(_ context.Context, _ *state.Tx, c *api.Caller, in any) (resource, error) {
		service := api.Field(in, "AWSServiceName")
		name := "*"
		if linked, ok := serviceLinkedRoles[service]; ok {
			name = linked.name
		}
		return resource{arn: "arn:aws:iam::" + c.AccountID + ":role/aws-service-role/" + service + "/" + name}, nil
	})
}

// onDeletion is a row about the service-linked role that a deletion task is to remove.
func onDeletion[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(_ context.Context, _ *state.Tx, c *api.Caller, in any) (resource, error) {
		name, _ := strings.CutPrefix(api.Field(in, "DeletionTaskId"), "task/")
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			name = name[:i]
		}
		return resource{arn: "arn:aws:iam::" + c.AccountID + ":role/" + name}, nil
	})
}

// resource is what an operation is about, as far as it exists.
type resource struct {
	arn      string
	tags     map[string]string
	boundary string
}

type finder func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error)

// row makes an operation whose access is iam:<its name> on what find finds. A thing that does not exist is asked for by
// the name it would have, so that only who may see it learns that it is not there.
func row[In, Out any](s *Service, fn method[In, Out], find finder) api.Operation {
	action := "iam:" + api.OperationName(new(In))
	return api.Op("", fn, func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		var about resource
		err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			about, err = find(ctx, tx, c, in)
			return err
		})
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return nil, err
		}
		accesses := []api.Access{{Action: action, Resource: about.arn, Context: conditionKeys(in, about)}}
		if tags, ok := api.FieldValue(in, "Tags").([]types.Tag); ok && len(tags) > 0 && taggingActions[action] != "" {
			accesses = append(accesses, api.Access{Action: taggingActions[action], Resource: about.arn, Context: requestTags(tags)})
		}
		return accesses, nil
	})
}

// taggingActions are the further actions that a creation with tags needs, by the creation's.
var taggingActions = map[string]string{
	"iam:CreateRole": "iam:TagRole", "iam:CreateUser": "iam:TagUser", "iam:CreatePolicy": "iam:TagPolicy",
	"iam:CreateInstanceProfile": "iam:TagInstanceProfile", "iam:CreateVirtualMFADevice": "iam:TagMFADevice",
}

func requestTags(tags []types.Tag) map[string][]string { return api.WithRequestTags(nil, tagMap(tags)) }

// conditionKeys are those that IAM supplies: from the fields of the input, and from what it is about.
func conditionKeys(in any, about resource) map[string][]string {
	tags, _ := api.FieldValue(in, "Tags").([]types.Tag)
	keys := requestTags(tags)
	if tagKeys, ok := api.FieldValue(in, "TagKeys").([]string); ok {
		keys["aws:TagKeys"] = tagKeys
	}
	put := func(key, value string) {
		if value != "" {
			keys[key] = []string{value}
		}
	}
	operation := api.OperationName(in)
	if strings.HasPrefix(operation, "Attach") || strings.HasPrefix(operation, "Detach") {
		put("iam:PolicyARN", api.Field(in, "PolicyArn"))
	}
	put("iam:AWSServiceName", api.Field(in, "AWSServiceName"))
	if seesBoundary(operation) {
		put("iam:PermissionsBoundary", about.boundary)
		put("iam:PermissionsBoundary", api.Field(in, "PermissionsBoundary"))
	}
	if strings.Contains(about.arn, ":role/") || strings.Contains(about.arn, ":user/") {
		return api.WithResourceTags(keys, about.tags, "iam")
	}
	return api.WithResourceTags(keys, about.tags)
}

// seesBoundary reports whether an operation's policies may ask for the boundary of the user or role: where it changes what
// that may do.
func seesBoundary(operation string) bool {
	switch operation {
	case "AttachRolePolicy", "AttachUserPolicy", "DetachRolePolicy", "DetachUserPolicy", "PutRolePolicy", "PutUserPolicy",
		"DeleteRolePolicy", "DeleteUserPolicy", "CreateRole", "CreateUser", "DeleteRole", "GetRole", "UpdateRole", "UpdateRoleDescription",
		"UpdateAssumeRolePolicy", "PutRolePermissionsBoundary", "PutUserPermissionsBoundary", "DeleteRolePermissionsBoundary",
		"DeleteUserPermissionsBoundary":
		return true
	}
	return false
}

func pathOf(in any) string {
	if path := api.Field(in, "Path"); path != "" {
		return path
	}
	return "/"
}

// callerUser is the user that operations are about which leave the user out: the caller.
func callerUser(c *api.Caller) string {
	_, path, found := strings.Cut(c.ARN, ":user/")
	if !found {
		return ""
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

func policyARN(accountID, path, name string) string {
	return "arn:aws:iam::" + accountID + ":policy" + path + name
}
