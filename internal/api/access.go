package api

import "context"

// Access is one question to the policies: may the caller do Action to Resource?
type Access struct {
	Action   string // "backup:CreateBackupVault"
	Resource string // ARN, or "*" for actions without a resource
	// ResourceAccountID is the account that owns the resource; empty means the caller's own.
	ResourceAccountID string
	// Context holds the condition keys that the operation supplies beside the global ones, such as
	// "kms:ViaService" or "aws:ResourceTag/team". Several values make a multivalued key.
	Context map[string][]string
	// ResourcePolicies are the documents attached to the resource: bucket, vault or trust policy.
	ResourcePolicies []PolicyDocument
	// KeyPolicy marks the resource policies as a KMS key policy, which is the first authority over its key: identity
	// policies count only where it delegates to the account.
	KeyPolicy bool
	// AWSManaged marks a resource that AWS manages in the account, such as the key aws/backup: no resource control policy
	// of the organization binds it.
	AWSManaged bool
	// Grants name the KMS grants that allow this very call.
	Grants []string
	// DeniedAs replaces the error that a refusal is answered with, where AWS does not answer AccessDenied.
	DeniedAs func(explanation string) *Error
}

// PolicyDocument is a resource policy and the name that explanations give it.
type PolicyDocument struct {
	Name     string // "vault policy of arn:aws:backup:…"
	Document string // JSON; "" where the resource has none
	Of       string // ARN of the resource that has it, where that is not the access's own
}

// Authorizer decides over accesses. A refusal is an [Error] with code AccessDenied (or the service's own spelling, see
// [Service.AccessDenied]) and AWS's message; the explanation goes to the log.
type Authorizer interface {
	// Authorize returns nil if every access is allowed, and the first refusal otherwise.
	Authorize(ctx context.Context, c *Caller, accesses ...Access) error
}

// Recorder keeps what CloudTrail shows.
type Recorder interface {
	// Record keeps one call. It returns once a call that changes something is kept durably.
	Record(ctx context.Context, r *Record)
}

// DataRecorder is a [Recorder] that keeps data operations of some accounts, too.
type DataRecorder interface {
	// WantsData reports whether data operations of the caller, or on resources of these other accounts, are recorded. It is
	// asked for each of them.
	WantsData(c *Caller, owners []string) bool
}

// Record is one call as it happened.
type Record struct {
	Caller    *Caller
	Operation *Operation
	Input     any // *XInput of the SDK
	Output    any // *XOutput, nil after an error
	Err       error
	Resources []string // ARNs the call was authorized on, or refused on
	Owners    []string // accounts other than the caller's on whose resources the call was authorized
}
