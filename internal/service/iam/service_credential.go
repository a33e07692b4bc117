package iam

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// credentialServices are the services that take a user name and a password made here.
var credentialServices = map[string]bool{"codecommit.amazonaws.com": true, "cassandra.amazonaws.com": true}

// CreateServiceSpecificCredential gives a user a name and a password for one service; this answer is the only one that
// shows the password.
func (s *Service) CreateServiceSpecificCredential(ctx context.Context, c *api.Caller, in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	if !credentialServices[*in.ServiceName] {
		return nil, api.Errorf("NotSupportedService", "No such service %s is supported for Service Specific Credentials", *in.ServiceName).WithStatus(http.StatusNotFound)
	}
	password := NewSecret()
	hash, err := hashWith(password, newSalt(), secretRounds)
	if err != nil {
		return nil, err
	}
	credential := state.UserCredential{ID: newUniqueID(serviceKeyPrefix), Name: *in.ServiceName, Body: hash}
	if err := s.addCredential(ctx, c, in.UserName, serviceKeys, &credential); err != nil {
		return nil, err
	}
	return &iam.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: serviceCredentialShape(credential, password)}, nil
}

// ListServiceSpecificCredentials lists a user's credentials without their passwords, for one service or all.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context, c *api.Caller, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	p, err := s.page(c, in, aws.ToString(in.ServiceName))
	if err != nil {
		return nil, err
	}
	all, err := s.listCredentials(ctx, c, in.UserName, serviceKeys)
	if err != nil {
		return nil, err
	}
	var wanted []state.UserCredential
	for _, credential := range all {
		if in.ServiceName == nil || credential.Name == *in.ServiceName {
			wanted = append(wanted, credential)
		}
	}
	wanted, next := cut(p, wanted, func(k state.UserCredential) string { return k.ID })
	out := &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}, Marker: next, IsTruncated: next != nil}
	for _, k := range wanted {
		out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, types.ServiceSpecificCredentialMetadata{
			ServiceSpecificCredentialId: aws.String(k.ID), ServiceName: aws.String(k.Name), ServiceUserName: serviceUserName(k),
			UserName: aws.String(k.UserName), Status: types.StatusType(k.Status), CreateDate: seconds(k.CreatedAt),
		})
	}
	return out, nil
}

// UpdateServiceSpecificCredential makes a credential Active or Inactive.
func (s *Service) UpdateServiceSpecificCredential(ctx context.Context, c *api.Caller, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	err := s.changeCredential(ctx, c, in.UserName, serviceKeys, in.ServiceSpecificCredentialId, func(k *state.UserCredential) { k.Status = string(in.Status) })
	if err != nil {
		return nil, err
	}
	return &iam.UpdateServiceSpecificCredentialOutput{}, nil
}

// ResetServiceSpecificCredential gives a credential another password.
func (s *Service) ResetServiceSpecificCredential(ctx context.Context, c *api.Caller, in *iam.ResetServiceSpecificCredentialInput) (*iam.ResetServiceSpecificCredentialOutput, error) {
	password := NewSecret()
	hash, err := hashWith(password, newSalt(), secretRounds)
	if err != nil {
		return nil, err
	}
	var changed state.UserCredential
	err = s.changeCredential(ctx, c, in.UserName, serviceKeys, in.ServiceSpecificCredentialId, func(k *state.UserCredential) {
		k.Body = hash
		changed = *k
	})
	if err != nil {
		return nil, err
	}
	return &iam.ResetServiceSpecificCredentialOutput{ServiceSpecificCredential: serviceCredentialShape(changed, password)}, nil
}

// DeleteServiceSpecificCredential removes a credential.
func (s *Service) DeleteServiceSpecificCredential(ctx context.Context, c *api.Caller, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	if err := s.deleteCredential(ctx, c, in.UserName, serviceKeys, in.ServiceSpecificCredentialId); err != nil {
		return nil, err
	}
	return &iam.DeleteServiceSpecificCredentialOutput{}, nil
}

// serviceUserName is the name that the service asks for with the password.
func serviceUserName(k state.UserCredential) *string {
	return aws.String(k.UserName + "-at-" + k.AccountID)
}

func serviceCredentialShape(k state.UserCredential, password string) *types.ServiceSpecificCredential {
	return &types.ServiceSpecificCredential{
		ServiceSpecificCredentialId: aws.String(k.ID), ServiceName: aws.String(k.Name), ServiceUserName: serviceUserName(k),
		ServicePassword: aws.String(password), UserName: aws.String(k.UserName), Status: types.StatusType(k.Status), CreateDate: seconds(k.CreatedAt),
	}
}
