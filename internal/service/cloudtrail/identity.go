package cloudtrail

import (
	"strconv"
	"strings"
	"time"

	"strongroom/internal/api"
)

// identity is the userIdentity element of a record.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type identity struct {
	Type           string          `json:"type,omitempty"`
	PrincipalID    string          `json:"principalId,omitempty"`
	ARN            string          `json:"arn,omitempty"`
	AccountID      string          `json:"accountId,omitempty"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	SessionContext *sessionContext `json:"sessionContext,omitempty"`
	InvokedBy      string          `json:"invokedBy,omitempty"`
}

type sessionContext struct {
	SessionIssuer  *sessionIssuer    `json:"sessionIssuer,omitempty"`
	Attributes     map[string]string `json:"attributes"`
	SourceIdentity string            `json:"sourceIdentity,omitempty"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

func identityOf(c *api.Caller) identity {
	if c.Service != "" {
		return identity{Type: "AWSService", InvokedBy: c.Service}
	}
	i := identity{PrincipalID: c.UserID, ARN: c.ARN, AccountID: c.AccountID, AccessKeyID: c.AccessKeyID, InvokedBy: c.InvokedBy}
	switch {
	case c.RoleARN != "":
		i.Type = "AssumedRole"
	case c.IsRoot():
		i.Type = "Root"
	default:
		i.Type = "IAMUser"
		i.UserName = lastPart(c.ARN)
	}
	if s := c.Session; s != nil {
		i.SessionContext = &sessionContext{
			Attributes: map[string]string{
				"creationDate":     s.IssuedAt.UTC().Format(time.RFC3339),
				"mfaAuthenticated": strconv.FormatBool(s.MFA),
			},
			SourceIdentity: s.SourceIdentity,
		}
		if c.RoleARN != "" {
			roleID, _, _ := strings.Cut(c.UserID, ":")
			i.SessionContext.SessionIssuer = &sessionIssuer{
				Type: "Role", PrincipalID: roleID, ARN: c.RoleARN, AccountID: c.AccountID, UserName: lastPart(c.RoleARN),
			}
		}
	}
	return i
}

// username is what LookupEvents finds the caller by: the user's name, or the name of a role's session.
func username(c *api.Caller) string {
	switch {
	case c.Service != "":
		return ""
	case c.IsRoot():
		return "root"
	}
	return lastPart(c.ARN)
}

// lastPart is the name at the end of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
