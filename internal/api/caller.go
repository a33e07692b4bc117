package api

import "time"

// Caller is who makes a call, from where, and through whom. It is made by whoever authenticates (package wire for
// requests, package work for jobs that assume a role) and is not changed afterwards; see [Caller.Through].
type Caller struct {
	AccountID   string // twelve digits; empty for a service principal acting for nobody
	ARN         string // arn:aws:iam::A:user/u, arn:aws:sts::A:assumed-role/R/session, arn:aws:iam::A:root
	UserID      string // AIDA…, AROA…:session, or the account id for root: the policy variable aws:userid
	AccessKeyID string
	RoleARN     string // the role of an assumed-role session: arn:aws:iam::A:role/path/R
	UserARN     string // the user whose rights a federated session has: arn:aws:iam::A:user/u
	Service     string // service principal, such as backup.amazonaws.com, when a service itself calls; ARN is then empty

	// Session holds what the session of a temporary credential adds; nil for long-term credentials.
	Session *Session

	Region     string   // Region whose endpoint is called
	Endpoint   string   // the URL that the call came to, without a path; empty for calls inside the house
	SourceARN  string   // the resource for which a service calls: the condition key aws:SourceArn
	InvokedBy  string   // service principal that makes the call on the principal's behalf
	Via        []string // services the call was forwarded through, first first: "s3.eu-central-1.amazonaws.com"
	SourceIP   string
	UserAgent  string
	Referer    string // the header, of calls that browsers make with a presigned URL
	Secure     bool   // TLS
	RequestID  string
	Date       time.Time // the service's time at arrival
	ReceivedAt time.Time // the wall clock's time at arrival
}

// Session is what an AssumeRole, GetFederationToken or GetSessionToken call fixed for the credentials it returned.
type Session struct {
	Name           string
	IssuedAt       time.Time
	ExpiresAt      time.Time // by the wall clock
	Policies       []string  // session policy documents; a session without any has nil
	PolicyARNs     []string  // managed session policies
	Tags           map[string]string
	TransitiveTags []string
	SourceIdentity string
	ExternalID     string
	MFA            bool
	IssuerID       string // AIDA…, of the user whose rights a federated session has
}

// IsRoot reports whether the caller is an account's root user.
func (c *Caller) IsRoot() bool { return c.RoleARN == "" && c.Service == "" && c.UserID == c.AccountID }

// Through returns the same principal calling in region, with the call made for it by service (a service principal such
// as s3.amazonaws.com): what aws:CalledVia, kms:ViaService and CloudTrail's invokedBy show.
func (c *Caller) Through(service, region string) *Caller {
	forwarded := *c
	forwarded.InvokedBy = service
	forwarded.Region = region
	forwarded.Via = append(append([]string(nil), c.Via...), service)
	return &forwarded
}

// In returns the same principal calling another Region's endpoint.
func (c *Caller) In(region string) *Caller {
	moved := *c
	moved.Region = region
	return &moved
}

// ServiceCaller is a service acting as itself in an account and a Region, as KMS sees the grantee of a grant to
// backup.amazonaws.com.
func ServiceCaller(service, accountID, region string) *Caller {
	return &Caller{Service: service, AccountID: accountID, Region: region, InvokedBy: service, Secure: true}
}
