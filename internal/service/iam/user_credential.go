package iam

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// credentialKind is what differs between the further credentials of users.
type credentialKind struct {
	kind    state.CredentialKind
	missing string // the text of NoSuchEntity, with the id
	quota   string // its name in LimitExceeded
	most    int    // for each user and, of services' credentials, each service
	twice   error  // the answer to a body that the user has already
}

var (
	sshKeys = credentialKind{
		state.CredentialSSH, "The Public Key with id %s cannot be found.", "SSHPublicKeysPerUser", 5,
		api.Errorf("DuplicateSSHPublicKey", "The SSH public key is already associated with the specified IAM user."),
	}
	certificates = credentialKind{
		state.CredentialCertificate, "The Certificate with id %s cannot be found.", "SigningCertificatesPerUser", 2,
		api.Errorf("DuplicateCertificate", "The certificate is already associated with the specified IAM user.").WithStatus(http.StatusConflict),
	}
	serviceKeys = credentialKind{state.CredentialService, "The service specific credential with id %s cannot be found.", "ServiceSpecificCredentialsPerUser", 2, nil}
)

// addCredential gives the user a credential.
func (s *Service) addCredential(ctx context.Context, c *api.Caller, name *string, kind credentialKind, credential *state.UserCredential) error {
	return s.changeUser(ctx, c, name, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		all, err := tx.UserCredentials(ctx, c.AccountID, user.Name, kind.kind)
		if err != nil {
			return err
		}
		n := 0
		for _, other := range all {
			if other.Name == credential.Name {
				n++
			}
			if other.Body == credential.Body {
				return kind.twice
			}
		}
		if n >= kind.most {
			return limitExceeded("Cannot exceed quota for %s: %d", kind.quota, kind.most)
		}
		credential.AccountID, credential.UserName, credential.Kind = c.AccountID, user.Name, kind.kind
		credential.Status, credential.CreatedAt = string(types.StatusTypeActive), tx.Now
		return tx.InsertUserCredential(ctx, *credential)
	})
}

// listCredentials reads a user's credentials of a kind.
func (s *Service) listCredentials(ctx context.Context, c *api.Caller, name *string, kind credentialKind) (all []state.UserCredential, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		user, err := findUser(ctx, tx, c, name)
		if err != nil {
			return err
		}
		all, err = tx.UserCredentials(ctx, c.AccountID, user.Name, kind.kind)
		return err
	})
	return all, err
}

// credential reads one of a user's credentials.
func (s *Service) credential(ctx context.Context, c *api.Caller, name *string, kind credentialKind, id *string) (found state.UserCredential, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		user, err := findUser(ctx, tx, c, name)
		if err != nil {
			return err
		}
		found, err = findCredential(ctx, tx, user, kind, id)
		return err
	})
	return found, err
}

// changeCredential keeps what change made of a user's credential.
func (s *Service) changeCredential(ctx context.Context, c *api.Caller, name *string, kind credentialKind, id *string, change func(*state.UserCredential)) error {
	return s.changeUser(ctx, c, name, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		found, err := findCredential(ctx, tx, *user, kind, id)
		if err != nil {
			return err
		}
		change(&found)
		return tx.UpdateUserCredential(ctx, found)
	})
}

func (s *Service) deleteCredential(ctx context.Context, c *api.Caller, name *string, kind credentialKind, id *string) error {
	return s.changeUser(ctx, c, name, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		found, err := findCredential(ctx, tx, *user, kind, id)
		if err != nil {
			return err
		}
		return tx.DeleteUserCredential(ctx, found.ID)
	})
}

func findCredential(ctx context.Context, tx *state.Tx, user state.User, kind credentialKind, id *string) (state.UserCredential, error) {
	found, err := tx.UserCredential(ctx, user.AccountID, user.Name, kind.kind, aws.ToString(id))
	if errors.Is(err, state.ErrNotFound) {
		return found, noSuchEntity(kind.missing, aws.ToString(id))
	}
	return found, err
}
