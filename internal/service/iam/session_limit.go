package iam

import (
	"sync"

	"strongroom/iampolicy"
	"strongroom/internal/api"
)

// identity is the user or role whose policies a caller has, by ARN and unique id: behind a session stands who began it.
func identity(c *api.Caller) (arn, id string) {
	switch {
	case c.RoleARN != "":
		return c.RoleARN, roleID(c.UserID)
	case c.UserARN != "" && c.Session != nil:
		return c.UserARN, c.Session.IssuerID
	}
	return c.ARN, c.UserID
}

// limitsOf is what a session of a user may not do whatever its policies say; nil for all other callers:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_request.html
func limitsOf(c *api.Caller) *iampolicy.Source {
	switch {
	case c.Session == nil || c.RoleARN != "":
		return nil
	case c.UserARN != "":
		return federated()
	case c.Session.MFA:
		return withMFA()
	}
	return withoutMFA()
}

var (
	federated = limits("limits of GetFederationToken", `{"Effect": "Deny", "Action": ["iam:*", "sts:*"], "Resource": "*"}`)
	withMFA   = limits("limits of GetSessionToken", `{"Effect": "Allow", "Action": "*", "Resource": "*"},
		{"Effect": "Deny", "Action": ["sts:Get*", "sts:Decode*"], "Resource": "*"}`)
	withoutMFA = limits("limits of GetSessionToken without MFA", `{"Effect": "Allow", "Action": "*", "Resource": "*"},
		{"Effect": "Deny", "Action": ["iam:*", "sts:Get*", "sts:Decode*"], "Resource": "*"}`)
)

// ownPassword is what a password policy with AllowUsersToChangePassword allows every user of the account: the operation is
// about nobody but the caller.
var ownPassword = limits("password policy of the account", `{"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"}`)

func limits(name, statements string) func() *iampolicy.Source {
	return sync.OnceValue(func() *iampolicy.Source {
		return &iampolicy.Source{
			Name: name, Kind: iampolicy.Identity, Policy: iampolicy.MustParse(`{"Version": "2012-10-17", "Statement": [` + statements + `]}`),
		}
	})
}
