package rules

// Categories of messages, as a job's MessageCategory shows them.
const (
	Success              = "SUCCESS"
	VSSError             = "VSS_ERROR"
	LimitExceeded        = "LIMIT_EXCEEDED"
	AccessDenied         = "ACCESS_DENIED"
	ConcurrentJob        = "CONCURRENT_JOB"
	FeatureNotEnabled    = "FEATURE_NOT_ENABLED"
	JobExpired           = "JOB_EXPIRED"
	InvalidLifecycle     = "INVALID_LIFECYCLE"
	InvalidState         = "INVALID_STATE"
	KMSKeyError          = "KMS_KEY_ERROR"
	AccessKeyError       = "ACCESS_KEY_ERROR"
	HypervisorOffline    = "HYPERVISOR_OFFLINE"
	ResourceNotFound     = "RESOURCE_NOT_FOUND"
	ResourceNotSupported = "RESOURCE_NOT_SUPPORTED"
	TagCopyError         = "TAG_COPY_ERROR"
	TokenExpired         = "TOKEN_EXPIRED"
	UnsupportedOperation = "UNSUPPORTED_OPERATION"
	FatalError           = "FATAL_ERROR"
	Miscellaneous        = "MISCELLANEOUS"
)

// Refusal is a decision that says no. A nil *Refusal allows.
type Refusal struct { //nolint:errname // a decision first, and an error where one is wanted
	ID       string `json:"id,omitempty"`       // of the entry of the [Catalogue] that it was made of; "" where AWS says nothing of the kind
	Message  string `json:"message"`            // AWS's words: the status message of a job or the message of an API error
	Category string `json:"category,omitempty"` // the job's MessageCategory
	Cause    string `json:"cause,omitempty"`    // why, in a sentence
	Fix      Fix    `json:"-"`                  // told as the cure of the gate that refuses
	Then     []Fix  `json:"-"`                  // what is to be done after it, in order
}

func (r *Refusal) Error() string { return r.Message }

// because gives the refusal the cause and the cures of another, and keeps its words.
func (r *Refusal) because(other *Refusal) *Refusal {
	r.Cause, r.Fix, r.Then = other.Cause, other.Fix, other.Then
	return r
}

// cures are the fixes of a refusal, in the order in which they are made.
func (r *Refusal) cures() []Fix {
	if r.Fix.Call == "" && r.Fix.Advice == "" {
		return nil
	}
	return append([]Fix{r.Fix}, r.Then...)
}

// Fix is the change that would turn a refusal around, for a machine to make: a call of the AWS API in an account and
// Region, and for policies the statement to add.
type Fix struct {
	Call       string            `json:"call,omitempty"`       // "backup:UpdateGlobalSettings"; "" if no single call helps
	AccountID  string            `json:"account_id,omitempty"` // where to call; "" is the caller's own
	Region     string            `json:"region,omitempty"`     //
	Resource   string            `json:"resource,omitempty"`   // ARN of what changes
	Parameters map[string]string `json:"parameters,omitempty"` // of the call
	Statement  string            `json:"statement,omitempty"`  // policy statement to add to Resource's policy, or to remove from it, JSON
	Advice     string            `json:"advice"`               // the same for a human, a sentence
	// Keeps is the variable of the shell that keeps what the call makes, for later fixes, whose parameters name it like $KEY.
	Keeps string `json:"keeps,omitempty"`
}
