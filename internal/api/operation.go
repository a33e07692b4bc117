package api

import (
	"context"
	"reflect"
	"strings"
)

// Operation is one row of a service's table.
type Operation struct {
	Name string // "CreateBackupVault", taken from the input's type
	// Route is the HTTP binding of the REST protocols: method, URI template and query bindings, as in
	//	GET /backup-vaults/{BackupVaultName}/recovery-points/?maxResults=MaxResults&nextToken=NextToken
	// where the query's right sides and the braces name fields of the input, plus a trailing status code if it is not 200.
	// The other protocols leave it empty.
	Route string
	// ReadOnly operations change nothing; CloudTrail shows it and their records may be written later.
	ReadOnly bool
	// Data operations (objects, blocks) are not management events: they leave a record only where a trail asks for it.
	Data bool
	// Anonymous operations are open to callers without credentials (none today but sts:AssumeRoleWithWebIdentity would be).
	Anonymous bool

	Service *Service
	In, Out reflect.Type // struct types

	actions []string // see Actions
	access  func(ctx context.Context, c *Caller, in any) ([]Access, error)
	made    func(out any) string // see [Making]
	call    func(ctx context.Context, c *Caller, in any) (any, error)
}

// Op makes the row of an operation. fn is the method; access says what the caller must be allowed to do, and may look
// things up to find out. Its errors (resource not found, name malformed) are answered as they are. A nil access means
// that every authenticated principal may call (sts:GetCallerIdentity).
func Op[In, Out any](route string, fn func(context.Context, *Caller, *In) (*Out, error), access func(context.Context, *Caller, *In) ([]Access, error)) Operation {
	op := Operation{
		Route: route,
		In:    reflect.TypeFor[In](),
		Out:   reflect.TypeFor[Out](),
		call: func(ctx context.Context, c *Caller, in any) (any, error) {
			out, err := fn(ctx, c, in.(*In))
			if err != nil {
				return nil, err // not the typed nil
			}
			return out, nil
		},
	}
	op.Name = operationName(op.In)
	for _, prefix := range []string{"Get", "List", "Describe", "Head", "Lookup", "Simulate", "Search"} {
		op.ReadOnly = op.ReadOnly || strings.HasPrefix(op.Name, prefix)
	}
	if access != nil {
		op.access = func(ctx context.Context, c *Caller, in any) ([]Access, error) { return access(ctx, c, in.(*In)) }
	}
	return op
}

// Actions are those that callers must be allowed, in whole or, where they depend on the input, in part: the one of the
// operation's name, unless the service's [Reference] says otherwise. An operation that every principal may call has none.
func (o *Operation) Actions() []string {
	if o.access == nil {
		return nil
	}
	if o.actions != nil {
		return o.actions
	}
	return []string{o.Service.prefix + ":" + o.Name}
}

// Making marks the row of an operation that makes what it is about: arn tells its ARN from the answer, for the record of
// the call, whose authorization could not name it yet.
func Making[Out any](o Operation, arn func(out *Out) string) Operation {
	o.made = func(out any) string { return arn(out.(*Out)) }
	return o
}

// AsData marks the row as a data operation, which leaves no record.
func (o Operation) AsData() Operation { o.Data = true; return o }

// AsReadOnly marks the row as read-only where its name does not say so.
func (o Operation) AsReadOnly() Operation { o.ReadOnly = true; return o }

// Service is one AWS service and the operations that the house has of it.
type Service struct {
	Name        string // the name in credential scopes and actions: "backup", "kms", "s3", "ec2"
	EventSource string // "backup.amazonaws.com"
	// Global services (IAM, Organizations, and STS's global endpoint) are recorded in us-east-1 and ignore the Region.
	Global bool
	// AccessDenied is the code of refusals: "AccessDeniedException" for JSON services, "AccessDenied" for query and S3,
	// "UnauthorizedOperation" for EC2.
	AccessDenied string
	// AccessDeniedStatus is their status, 403 where it is 0.
	AccessDeniedStatus int
	// EncodesRefusals is set where refusals carry a message that sts:DecodeAuthorizationMessage opens, as EC2's do.
	EncodesRefusals bool
	// Authorization is the text of the service's authorization.txt, see [Reference].
	Authorization string
	Operations    []Operation

	prefix string // of its actions
}
