package s3

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Object lock: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html

const (
	governance = string(types.ObjectLockModeGovernance)
	compliance = string(types.ObjectLockModeCompliance)

	longestRetentionDays  = 36500
	longestRetentionYears = 100
)

// lockRequest is what the headers of a request that makes an object say of its lock.
type lockRequest struct {
	mode  types.ObjectLockMode
	until *time.Time
	hold  types.ObjectLockLegalHoldStatus
	event types.ObjectLockEventHold
}

func (r lockRequest) given() bool { return r != lockRequest{} }

// resolve checks them against the bucket. The bucket's default is set later, when the version is made; see [defaultLock].
func (r lockRequest) resolve(b state.Bucket, now time.Time) (lock state.ObjectLock, err error) {
	if !r.given() {
		return lock, nil
	}
	if r.event != "" {
		return lock, api.NotImplemented("s3: event holds (x-amz-object-lock-event-hold)")
	}
	if (r.mode == "") != (r.until == nil) {
		return lock, invalidArgument("x-amz-object-lock-retain-until-date", "",
			"x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	}
	switch string(r.mode) {
	case "", governance, compliance:
	default:
		return lock, invalidArgument("x-amz-object-lock-mode", string(r.mode), "Unknown wormMode directive.")
	}
	switch r.hold {
	case "", types.ObjectLockLegalHoldStatusOn, types.ObjectLockLegalHoldStatusOff:
	default:
		return lock, invalidArgument("x-amz-object-lock-legal-hold", string(r.hold), "Legal Hold must be either of 'ON' or 'OFF'")
	}
	lock = state.ObjectLock{Mode: string(r.mode), Hold: string(r.hold)}
	if r.until != nil {
		if !r.until.After(now) {
			return lock, pastRetention(*r.until)
		}
		lock.Until = state.MicrosOf(*r.until)
	}
	if !b.ObjectLock.Enabled {
		return lock, noLockConfiguration()
	}
	return lock, nil
}

// conditions adds the condition keys of the lock that a request sets, and says which further actions it needs.
func (r lockRequest) conditions(conditions map[string][]string, now time.Time) (actions []string) {
	if r.mode != "" || r.until != nil {
		actions = append(actions, "PutObjectRetention")
	}
	if r.mode != "" {
		conditions["s3:object-lock-mode"] = []string{string(r.mode)}
	}
	if r.until != nil {
		retentionConditions(conditions, *r.until, now)
	}
	if r.hold != "" {
		actions = append(actions, "PutObjectLegalHold")
		conditions["s3:object-lock-legal-hold"] = []string{string(r.hold)}
	}
	return actions
}

func retentionConditions(conditions map[string][]string, until, now time.Time) {
	conditions["s3:object-lock-retain-until-date"] = []string{until.UTC().Format(time.RFC3339)}
	days := int64(until.Sub(now) / (24 * time.Hour))
	conditions["s3:object-lock-remaining-retention-days"] = []string{strconv.FormatInt(max(days, 0), 10)}
}

func noLockConfiguration() error {
	return invalidRequest("Bucket is missing Object Lock Configuration")
}

func pastRetention(until time.Time) error {
	return invalidArgument("x-amz-object-lock-retain-until-date", until.UTC().Format(time.RFC3339), "The retain until date must be in the future!")
}

func lockedObject() *api.Error {
	e := accessDenied()
	e.Message = "Access Denied because object protected by object lock."
	return e
}

// defaultLock gives a new version the retention that its bucket has by default, if its request named none.
func defaultLock(b state.Bucket, o *state.Object) {
	d := b.ObjectLock
	if d.Mode == "" || o.Lock.Mode != "" || o.DeleteMarker {
		return
	}
	o.Lock.Mode = d.Mode
	o.Lock.Until = state.MicrosOf(o.Modified.Time().UTC().AddDate(int(d.Years), 0, int(d.Days)))
}

// protected reports whether a version may not be deleted at a time. bypass is the right to end a retention of mode
// GOVERNANCE, and the request's word to make use of it.
func protected(lock state.ObjectLock, now state.Micros, bypass bool) bool {
	if lock.Hold == string(types.ObjectLockLegalHoldStatusOn) {
		return true
	}
	if lock.Mode == "" || lock.Until <= now {
		return false
	}
	return lock.Mode == compliance || !bypass
}

// bypasses reports whether a call asks to bypass governance, and may.
func (s *Service) bypasses(ctx context.Context, c *api.Caller, b state.Bucket, key string, asked *bool) bool {
	return asked != nil && *asked && b.ObjectLock.Enabled &&
		s.door.Authorize(ctx, c, "s3", bucketAccess(b, "BypassGovernanceRetention", objectARN(b.Name, key), nil)) == nil
}

// GetObjectLockConfiguration tells whether versions can be locked, and how new ones are by default.
func (s *Service) GetObjectLockConfiguration(ctx context.Context, c *api.Caller, in *s3.GetObjectLockConfigurationInput) (*s3.GetObjectLockConfigurationOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if !b.ObjectLock.Enabled {
		return nil, failure(http.StatusNotFound, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket", "BucketName", b.Name)
	}
	cfg := &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
	if d := b.ObjectLock; d.Mode != "" {
		retention := &types.DefaultRetention{Mode: types.ObjectLockRetentionMode(d.Mode)}
		if d.Days > 0 {
			retention.Days = &d.Days
		} else {
			retention.Years = &d.Years
		}
		cfg.Rule = &types.ObjectLockRule{DefaultRetention: retention}
	}
	return &s3.GetObjectLockConfigurationOutput{ObjectLockConfiguration: cfg}, nil
}

// PutObjectLockConfiguration turns object lock on, for good, and sets how new versions are locked by default.
func (s *Service) PutObjectLockConfiguration(ctx context.Context, c *api.Caller, in *s3.PutObjectLockConfigurationInput) (*s3.PutObjectLockConfigurationOutput, error) {
	cfg := in.ObjectLockConfiguration
	if cfg == nil || cfg.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		return nil, malformedXML()
	}
	lock := state.BucketObjectLock{Enabled: true}
	if cfg.Rule != nil {
		var err error
		if lock, err = defaultRetention(cfg.Rule.DefaultRetention); err != nil {
			return nil, err
		}
	}
	return &s3.PutObjectLockConfigurationOutput{}, s.change(ctx, c, in.Bucket, func(_ context.Context, _ *state.Tx, b *state.Bucket) error {
		if b.Versioning != string(types.BucketVersioningStatusEnabled) {
			return failure(http.StatusConflict, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		b.ObjectLock = lock
		return nil
	})
}

func defaultRetention(r *types.DefaultRetention) (state.BucketObjectLock, error) {
	lock := state.BucketObjectLock{Enabled: true}
	if r == nil || (r.Days == nil) == (r.Years == nil) {
		return lock, malformedXML()
	}
	if lock.Mode = string(r.Mode); lock.Mode != governance && lock.Mode != compliance {
		return lock, malformedXML()
	}
	for _, each := range []struct {
		name  string
		given *int32
		most  int32
		into  *int32
	}{{"Days", r.Days, longestRetentionDays, &lock.Days}, {"Years", r.Years, longestRetentionYears, &lock.Years}} {
		if each.given == nil {
			continue
		}
		*each.into = *each.given
		switch {
		case *each.given <= 0:
			return lock, failure(http.StatusBadRequest, "InvalidArgument", "Default retention period must be a positive integer value.", "ArgumentName", each.name)
		case *each.given > each.most:
			return lock, failure(http.StatusBadRequest, "InvalidArgument", "Default retention period too large.", "ArgumentName", each.name)
		}
	}
	return lock, nil
}

// lockable reads a version whose lock a call names.
func (s *Service) lockable(ctx context.Context, c *api.Caller, bucket, key, version *string, method string) (state.Bucket, state.Object, error) {
	b, err := s.bucket(ctx, c, bucket)
	if err != nil {
		return b, state.Object{}, err
	}
	o, err := s.readable(ctx, c, b, *key, str(version), method)
	if err == nil && !b.ObjectLock.Enabled {
		err = noLockConfiguration()
	}
	return b, o, err
}

// anyVersion takes away the condition key of the version, which the actions of locks and restores do not have.
func anyVersion[In any](_ *In, conditions map[string][]string) []string {
	delete(conditions, "s3:VersionId")
	return nil
}

func noLockOfObject(key string) error {
	return failure(http.StatusNotFound, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration", "Key", key)
}

// GetObjectRetention tells until when a version is retained.
func (s *Service) GetObjectRetention(ctx context.Context, c *api.Caller, in *s3.GetObjectRetentionInput) (*s3.GetObjectRetentionOutput, error) {
	_, o, err := s.lockable(ctx, c, in.Bucket, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	if o.Lock.Mode == "" {
		return nil, noLockOfObject(o.Key)
	}
	return &s3.GetObjectRetentionOutput{Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(o.Lock.Mode), RetainUntilDate: o.Lock.Until.Ptr()}}, nil
}

func (s *Service) putRetentionConditions(in *s3.PutObjectRetentionInput, conditions map[string][]string) []string {
	if r := in.Retention; r != nil {
		if r.Mode != "" {
			conditions["s3:object-lock-mode"] = []string{string(r.Mode)}
		}
		if r.RetainUntilDate != nil {
			retentionConditions(conditions, *r.RetainUntilDate, s.clock.Now())
		}
	}
	return anyVersion(in, conditions)
}

// PutObjectRetention sets, extends or ends the retention of a version. A retention that runs is only ever extended, but by
// who may bypass governance.
func (s *Service) PutObjectRetention(ctx context.Context, c *api.Caller, in *s3.PutObjectRetentionInput) (*s3.PutObjectRetentionOutput, error) {
	if in.Retention == nil || (in.Retention.Mode == "") != (in.Retention.RetainUntilDate == nil) {
		return nil, malformedXML()
	}
	mode, until := string(in.Retention.Mode), state.Micros(0)
	if mode != "" {
		if mode != governance && mode != compliance {
			return nil, malformedXML()
		}
		if !in.Retention.RetainUntilDate.After(s.clock.Now()) {
			return nil, pastRetention(*in.Retention.RetainUntilDate)
		}
		until = state.MicrosOf(*in.Retention.RetainUntilDate)
	}
	b, o, err := s.lockable(ctx, c, in.Bucket, in.Key, in.VersionId, "PUT")
	if err != nil {
		return nil, err
	}
	bypass := s.bypasses(ctx, c, b, o.Key, in.BypassGovernanceRetention)
	return &s3.PutObjectRetentionOutput{}, s.relock(ctx, b, o, func(lock *state.ObjectLock, now state.Micros) error {
		runs := lock.Mode != "" && lock.Until > now
		extends := mode == lock.Mode && until >= lock.Until
		if runs && !extends && (lock.Mode == compliance || !bypass) {
			return lockedObject()
		}
		lock.Mode, lock.Until = mode, until
		return nil
	})
}

// relock changes the lock of a version as it is now.
func (s *Service) relock(ctx context.Context, b state.Bucket, o state.Object, fn func(lock *state.ObjectLock, now state.Micros) error) error {
	return s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		o, err := findIn(ctx, tx, b.ID, o.Key, o.VersionID)
		if err != nil {
			return err
		}
		if err := fn(&o.Lock, tx.Now); err != nil {
			return err
		}
		return tx.SetObjectLock(ctx, o.ObjectVersion, o.Lock)
	})
}

// GetObjectLegalHold tells whether a version is held.
func (s *Service) GetObjectLegalHold(ctx context.Context, c *api.Caller, in *s3.GetObjectLegalHoldInput) (*s3.GetObjectLegalHoldOutput, error) {
	_, o, err := s.lockable(ctx, c, in.Bucket, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	if o.Lock.Hold == "" {
		return nil, noLockOfObject(o.Key)
	}
	return &s3.GetObjectLegalHoldOutput{LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatus(o.Lock.Hold)}}, nil
}

func putLegalHoldConditions(in *s3.PutObjectLegalHoldInput, conditions map[string][]string) []string {
	if in.LegalHold != nil && in.LegalHold.Status != "" {
		conditions["s3:object-lock-legal-hold"] = []string{string(in.LegalHold.Status)}
	}
	return anyVersion(in, conditions)
}

// PutObjectLegalHold holds a version, or lets it go.
func (s *Service) PutObjectLegalHold(ctx context.Context, c *api.Caller, in *s3.PutObjectLegalHoldInput) (*s3.PutObjectLegalHoldOutput, error) {
	if in.LegalHold == nil || in.LegalHold.Status != types.ObjectLockLegalHoldStatusOn && in.LegalHold.Status != types.ObjectLockLegalHoldStatusOff {
		return nil, malformedXML()
	}
	b, o, err := s.lockable(ctx, c, in.Bucket, in.Key, in.VersionId, "PUT")
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectLegalHoldOutput{}, s.relock(ctx, b, o, func(lock *state.ObjectLock, _ state.Micros) error {
		lock.Hold = string(in.LegalHold.Status)
		return nil
	})
}

// shownLock is what a read tells of a lock: what the caller may know.
func (s *Service) shownLock(ctx context.Context, c *api.Caller, b state.Bucket, o state.Object) (lock state.ObjectLock) {
	may := func(action string) bool {
		return s.door.Authorize(ctx, c, "s3", bucketAccess(b, action, objectARN(b.Name, o.Key), nil)) == nil
	}
	if o.Lock.Mode != "" && may("GetObjectRetention") {
		lock.Mode, lock.Until = o.Lock.Mode, o.Lock.Until
	}
	if o.Lock.Hold != "" && may("GetObjectLegalHold") {
		lock.Hold = o.Lock.Hold
	}
	return lock
}
