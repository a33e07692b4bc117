package s3

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

const mostLifecycleRules = 1000

// GetBucketLifecycleConfiguration reads the lifecycle rules.
func (s *Service) GetBucketLifecycleConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketLifecycleConfigurationInput) (*s3.GetBucketLifecycleConfigurationOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Settings.Lifecycle == "" {
		return nil, failure(http.StatusNotFound, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", "BucketName", b.Name)
	}
	l, err := lifecycleOf(b)
	return &s3.GetBucketLifecycleConfigurationOutput{Rules: l.Rules, TransitionDefaultMinimumObjectSize: l.MinimumSize}, err
}

// PutBucketLifecycleConfiguration sets the lifecycle rules, by which [Service.RunLifecycles] then acts.
func (s *Service) PutBucketLifecycleConfiguration(ctx context.Context, c *api.Caller, in *s3.PutBucketLifecycleConfigurationInput) (*s3.PutBucketLifecycleConfigurationOutput, error) {
	if in.LifecycleConfiguration == nil || len(in.LifecycleConfiguration.Rules) == 0 {
		return nil, malformedXML()
	}
	l := lifecycle{Rules: in.LifecycleConfiguration.Rules, MinimumSize: in.TransitionDefaultMinimumObjectSize}
	switch l.MinimumSize {
	case "":
		l.MinimumSize = types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k
	case types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k, types.TransitionDefaultMinimumObjectSizeVariesByStorageClass:
	default:
		return nil, invalidArgument("x-amz-transition-default-minimum-object-size", string(l.MinimumSize), "Invalid TransitionDefaultMinimumObjectSize")
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return &s3.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: l.MinimumSize},
		s.change(ctx, c, in.Bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
			b.Settings.Lifecycle = string(text)
			return tx.SetBucketLifecycleDue(ctx, b.ID, tx.Now)
		})
}

// DeleteBucketLifecycle removes the lifecycle rules.
func (s *Service) DeleteBucketLifecycle(ctx context.Context, c *api.Caller, in *s3.DeleteBucketLifecycleInput) (*s3.DeleteBucketLifecycleOutput, error) {
	return &s3.DeleteBucketLifecycleOutput{}, s.change(ctx, c, in.Bucket, func(ctx context.Context, tx *state.Tx, b *state.Bucket) error {
		b.Settings.Lifecycle = ""
		return tx.SetBucketLifecycleDue(ctx, b.ID, 0)
	})
}

// check holds the rules against what S3 accepts, and names those that have no name.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
func (l *lifecycle) check() error {
	if len(l.Rules) > mostLifecycleRules {
		return invalidRequest("The number of lifecycle rules must not exceed the allowed limit of %d rules", mostLifecycleRules)
	}
	names := map[string]bool{}
	for i := range l.Rules {
		rule := &l.Rules[i]
		id := str(rule.ID)
		switch {
		case id == "":
			id = rand.Text()
			rule.ID = &id
		case len(id) > 255:
			return invalidArgument("ID", id, "ID length should not exceed allowed limit of 255")
		case names[id]:
			return invalidArgument("ID", id, "Rule ID must be unique. Found same ID for more than one rule")
		}
		names[id] = true
		if rule.Status != types.ExpirationStatusEnabled && rule.Status != types.ExpirationStatusDisabled {
			return malformedXML()
		}
		for _, check := range []func(*types.LifecycleRule) error{checkFilter, checkExpiration, checkTransitions, checkNoncurrent, checkAbort} {
			if err := check(rule); err != nil {
				return err
			}
		}
		if rule.Expiration == nil && rule.NoncurrentVersionExpiration == nil && rule.AbortIncompleteMultipartUpload == nil &&
			len(rule.Transitions) == 0 && len(rule.NoncurrentVersionTransitions) == 0 {
			return invalidRequest("At least one action needs to be specified in a rule")
		}
	}
	return nil
}

// checkFilter wants one way of saying which objects are meant.
func checkFilter(rule *types.LifecycleRule) error {
	f := rule.Filter
	if (f == nil) == (rule.Prefix == nil) { //nolint:staticcheck // the older form of a filter, which clients still send
		return malformedXML()
	}
	if len(filterPrefix(rule)) > 1024 {
		return invalidRequest("The maximum size of a prefix is 1024.")
	}
	if f == nil {
		return nil
	}
	members := 0
	for _, there := range []bool{f.And != nil, f.Prefix != nil, f.Tag != nil, f.ObjectSizeGreaterThan != nil, f.ObjectSizeLessThan != nil} {
		if there {
			members++
		}
	}
	if members > 1 {
		return malformedXML()
	}
	if and := f.And; and != nil {
		parts := len(and.Tags)
		for _, there := range []bool{and.Prefix != nil, and.ObjectSizeGreaterThan != nil, and.ObjectSizeLessThan != nil} {
			if there {
				parts++
			}
		}
		if parts < 2 {
			return malformedXML()
		}
	}
	if _, err := tagMap(filterTags(rule), mostObjectTags); err != nil {
		return invalidRequest("Duplicate Tag Keys are not allowed.")
	}
	over, under := filterSizes(rule)
	if over != nil && (*over < 0 || under != nil && *over >= *under) || under != nil && *under < 1 {
		return invalidRequest("'ObjectSizeGreaterThan' must be smaller than 'ObjectSizeLessThan', and neither negative")
	}
	return nil
}

func atMidnight(t *time.Time) bool { return t.Equal(t.Truncate(24 * time.Hour)) }

func checkExpiration(rule *types.LifecycleRule) error {
	e := rule.Expiration
	if e == nil {
		return nil
	}
	given := 0
	for _, there := range []bool{e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return malformedXML()
	case e.Days != nil && *e.Days < 1:
		return invalidArgument("Days", "", "'Days' for Expiration action must be a positive integer")
	case e.Date != nil && !atMidnight(e.Date):
		return invalidArgument("Date", e.Date.Format(time.RFC3339), "'Date' must be at midnight GMT")
	case e.ExpiredObjectDeleteMarker != nil && len(filterTags(rule)) > 0:
		return invalidRequest("Tag-based filter cannot be used with ExpiredObjectDeleteMarker.")
	}
	return nil
}

// classOrder lists the storage classes that rules move objects to, in the order in which they can be left for the next.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
var classOrder = []string{"STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}

// classRank is the place of a class in the order; 0 for those that are not left by rules or not reached.
func classRank(class string) int { return max(0, slices.Index(classOrder, class)) }

func checkTransitions(rule *types.LifecycleRule) error {
	prefix := "(prefix=" + filterPrefix(rule) + ")"
	var last *types.Transition
	for i := range rule.Transitions {
		t := &rule.Transitions[i]
		class := string(t.StorageClass)
		switch {
		case classRank(class) == 0 || (t.Days == nil) == (t.Date == nil):
			return malformedXML()
		case t.Days != nil && *t.Days < 0:
			return invalidArgument("Days", "", "'Days' in Transition action must be nonnegative")
		case t.Date != nil && !atMidnight(t.Date):
			return invalidArgument("Date", t.Date.Format(time.RFC3339), "'Date' must be at midnight GMT")
		case t.Days != nil && *t.Days < 30 && (class == "STANDARD_IA" || class == "ONEZONE_IA"):
			return invalidArgument("Days", "", "'Days' in Transition action must be greater than or equal to 30 for storageClass '"+class+"'")
		}
		e := rule.Expiration
		if e != nil && (e.Days != nil && t.Date != nil || e.Date != nil && t.Days != nil) || last != nil && (last.Days == nil) != (t.Days == nil) {
			return invalidRequest("Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for filter '%s'", prefix)
		}
		if e != nil && e.Days != nil && t.Days != nil && *e.Days <= *t.Days {
			return invalidArgument("Days", "", "'Days' in the Expiration action for filter '"+prefix+"' must be greater than 'Days' in the Transition action")
		}
		if e != nil && e.Date != nil && t.Date != nil && !e.Date.After(*t.Date) {
			return invalidArgument("Date", "", "'Date' in the Expiration action for filter '"+prefix+"' must be later than 'Date' in the Transition action")
		}
		for j := range i {
			if rule.Transitions[j].StorageClass == t.StorageClass {
				return invalidRequest("'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '%s'", prefix)
			}
		}
		last = t
	}
	return nil
}

func checkNoncurrent(rule *types.LifecycleRule) error {
	e := rule.NoncurrentVersionExpiration
	if e != nil {
		switch {
		case e.NoncurrentDays == nil:
			return malformedXML()
		case *e.NoncurrentDays < 1:
			return invalidArgument("NoncurrentDays", "", "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
		case !keepable(e.NewerNoncurrentVersions):
			return invalidArgument("NewerNoncurrentVersions", "", "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer up to 100")
		}
	}
	for _, t := range rule.NoncurrentVersionTransitions {
		switch {
		case t.NoncurrentDays == nil || classRank(string(t.StorageClass)) == 0:
			return malformedXML()
		case *t.NoncurrentDays < 0:
			return invalidArgument("NoncurrentDays", "", "'NoncurrentDays' for NoncurrentVersionTransition action must be nonnegative")
		case *t.NoncurrentDays < 30 && (t.StorageClass == types.TransitionStorageClassStandardIa || t.StorageClass == types.TransitionStorageClassOnezoneIa):
			return invalidArgument("NoncurrentDays", "", "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to 30 for storageClass '"+string(t.StorageClass)+"'")
		case !keepable(t.NewerNoncurrentVersions):
			return invalidArgument("NewerNoncurrentVersions", "", "'NewerNoncurrentVersions' for NoncurrentVersionTransition action must be a positive integer up to 100")
		case e != nil && *e.NoncurrentDays <= *t.NoncurrentDays:
			return invalidArgument("NoncurrentDays", "", "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '(prefix="+filterPrefix(rule)+")' must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action")
		}
	}
	return nil
}

// keepable reports whether a number of newer noncurrent versions to keep is one that S3 takes.
func keepable(n *int32) bool { return n == nil || *n >= 1 && *n <= 100 }

func checkAbort(rule *types.LifecycleRule) error {
	a := rule.AbortIncompleteMultipartUpload
	if a == nil {
		return nil
	}
	over, under := filterSizes(rule)
	switch {
	case a.DaysAfterInitiation == nil:
		return malformedXML()
	case *a.DaysAfterInitiation < 1:
		return invalidArgument("DaysAfterInitiation", "", "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	case len(filterTags(rule)) > 0:
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case over != nil || under != nil:
		return invalidRequest("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
	}
	return nil
}

// filterPrefix is the prefix of a rule's filter, in whichever of its three forms.
func filterPrefix(rule *types.LifecycleRule) string {
	switch f := rule.Filter; {
	case f == nil:
		return str(rule.Prefix) //nolint:staticcheck // the older form of a filter, which clients still send
	case f.And != nil:
		return str(f.And.Prefix)
	default:
		return str(f.Prefix)
	}
}

func filterTags(rule *types.LifecycleRule) []types.Tag {
	switch f := rule.Filter; {
	case f == nil:
		return nil
	case f.And != nil:
		return f.And.Tags
	case f.Tag != nil:
		return []types.Tag{*f.Tag}
	default:
		return nil
	}
}

// filterSizes are the bounds of a rule's filter, both exclusive.
func filterSizes(rule *types.LifecycleRule) (over, under *int64) {
	switch f := rule.Filter; {
	case f == nil:
		return nil, nil
	case f.And != nil:
		return f.And.ObjectSizeGreaterThan, f.And.ObjectSizeLessThan
	default:
		return f.ObjectSizeGreaterThan, f.ObjectSizeLessThan
	}
}

// matches reports whether a rule's filter means a version.
func matches(rule *types.LifecycleRule, v state.ObjectVersion) bool {
	if !strings.HasPrefix(v.Key, filterPrefix(rule)) {
		return false
	}
	for _, tag := range filterTags(rule) {
		if value, ok := v.Tags[str(tag.Key)]; !ok || value != str(tag.Value) {
			return false
		}
	}
	over, under := filterSizes(rule)
	return (over == nil || v.Size > *over) && (under == nil || v.Size < *under)
}
