// Package resource says what a kind of protected resource must be able to do: be listed with its tags, be described,
// be read into an archive (in full or as changes since a parent), and be restored from one. Its sub-packages are the
// kinds; package work runs them and knows no more than this interface.
package resource

import (
	"context"
	"errors"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

// Description is what a backup needs to know of a resource before it begins.
type Description struct {
	ARN       arn.ARN
	Type      string // "S3", "EBS": the names of the Backup API
	Name      string // the name or id that lists show
	AccountID string
	Region    string
	SizeBytes int64
	// KeyARN is the KMS key that the resource is encrypted with; empty for an unencrypted one. (A bucket's objects may
	// each have their own; theirs is the default.)
	KeyARN string
	// Windows are those of the resource's own service in which no backup starts.
	Windows rules.OwnWindows
	Tags    map[string]string
	// Metadata is the configuration at backup time, in the form of GetRecoveryPointRestoreMetadata.
	Metadata map[string]string
}

// BackupRequest says where a backup goes.
type BackupRequest struct {
	Domain *archive.Domain
	Point  string // id of the point to write; where it is there already, the kind returns it as it is or archive.ErrPointExists
	Parent string // id of an earlier point of the same resource in the same domain, or ""
	// ParentState is what the kind returned in Result.State for the parent.
	ParentState string
	Options     map[string]string // BackupOptions of the job
	// Progress is told the bytes done and the total expected, as often as the kind likes.
	Progress func(done, total int64)
	// Failed is told what is left out because it cannot be read. Nil where nobody asked.
	Failed func(ctx context.Context, object string, reason error)
}

// Result is what a backup made.
type Result struct {
	SizeBytes   int64 // logical size, as BackupSizeInBytes shows it
	Transferred int64 // bytes read because they were new or changed
	New         int64 // bytes that the archive did not have, before compression
	Stored      int64 // bytes the archive grew by
	Entries     int64
	// State is kept with the recovery point and given to the next incremental backup (a volume's change generation).
	State string
	// Issue is a refusal of a part of the backup: the job is completed with issues. Nil if there is none.
	Issue error
}

// RestoreRequest says what to restore and how.
type RestoreRequest struct {
	Point    *archive.Point
	Recovery state.RecoveryPoint
	Metadata map[string]string // as given to StartRestoreJob; keys compared without case
	Tags     map[string]string // for what is created; nil unless the job is to copy the source's
	JobID    string            // for idempotent naming of what is created
	Again    bool              // the job was begun before: what it was to create may be there already
	Progress func(done, total int64)
	// Failed is told what cannot be brought back; several may tell at once. Nil where nobody asked.
	Failed func(ctx context.Context, object string, reason error)
}

// Restored is what a restore made.
type Restored struct {
	ARN arn.ARN // of what was created or filled
	// Message is a warning: the job is completed with issues.
	Message string
}

// Of is the kind of a list that a names a resource of; nil if there is none.
func Of(ctx context.Context, kinds []Kind, a arn.ARN) (Kind, error) {
	for _, k := range kinds {
		if owns, err := k.Owns(ctx, a); owns || err != nil {
			return k, err
		}
	}
	return nil, nil
}

// Kind is one kind of protected resource. The caller given to Backup and Restore is the job's role; every access is
// authorized as that role by the same policies as a call over HTTP. Errors are [api.Error]; their messages become the
// job's status message as they are.
type Kind interface {
	// Type is the kind's name in the Backup API.
	Type() string
	// Owns reports whether a names a resource of this kind. Where several kinds share a form of ARN, as those of clusters of
	// databases do, the resource itself decides, and of one that is not there the likeliest kind says that it is its own.
	Owns(ctx context.Context, a arn.ARN) (bool, error)
	// List describes all resources of the kind in an account and Region, for plan selections. Only ARN, Type, Name,
	// AccountID, Region and Tags need be filled.
	List(ctx context.Context, accountID, region string) ([]Description, error)
	// Describe describes one resource as the caller may see it.
	Describe(ctx context.Context, c *api.Caller, resource arn.ARN) (Description, error)
	// RecoveryPointARN names the recovery point that the job makes of the resource; the same job gets the same name.
	RecoveryPointARN(d Description, jobID string, at state.Micros) arn.ARN
	// Backup reads the resource into the request's domain and commits the point.
	Backup(ctx context.Context, c *api.Caller, d Description, r BackupRequest) (Result, error)
	// Restore brings the point back.
	Restore(ctx context.Context, c *api.Caller, r RestoreRequest) (Restored, error)
	// CopyRecoveryPointARN names the recovery point that a copy of the kind makes in another account and Region.
	CopyRecoveryPointARN(source state.RecoveryPoint, accountID, region, copyJobID string) arn.ARN
	// Added is told, in the transaction that makes it known, of a new recovery point of the kind, be it by backup or copy;
	// a kind with a catalogue of its own (EC2's snapshots) enters it there. Removed is the opposite.
	Added(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) error
	Removed(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) error
}

// Native is a kind whose recovery points stand in the catalogue of its own service as well, as EC2's snapshots do. They are
// removed from there as somebody who may; what AWS Backup keeps alone it removes on nobody's behalf.
type Native interface {
	Kind
	// MayRemove reports whether the caller may remove a recovery point from that catalogue. [ErrInUse] says that something is
	// being made of it there, which its removal waits for; after nil nothing more is begun with it.
	MayRemove(ctx context.Context, c *api.Caller, p state.RecoveryPoint) error
}

// ErrInUse says that a kind's own service is making something of a recovery point: a copy, a volume, a database.
var ErrInUse = errors.New("the recovery point is in use")

// Sized is a kind that can tell beforehand how much a backup of a resource reads at most, for whoever decides when it begins.
type Sized interface {
	Kind
	Size(ctx context.Context, r arn.ARN) (bytes int64, err error)
}

// Reader is a kind that names the calls with which a backup looks at a resource, so that policies can be asked about them
// without making them.
type Reader interface {
	Kind
	Reads(r arn.ARN) []any // inputs of calls
}

// TagReader is a kind whose copies list the tags of what they copy as the job's role.
type TagReader interface {
	Kind
	// ReadTags asks the kind's service for the tags of a recovery point.
	ReadTags(ctx context.Context, c *api.Caller, p state.RecoveryPoint) error
}
