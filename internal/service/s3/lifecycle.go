package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Lifecycle rules are applied once a day, at midnight UTC, for that is when what they count in days is due; and once when
// they are put. What a rule says is decided anew in the transaction that does it, from what is there then.

// lifecycle is the lifecycle configuration of a bucket, as it is stored.
type lifecycle struct {
	Rules       []types.LifecycleRule
	MinimumSize types.TransitionDefaultMinimumObjectSize
}

const day = 24 * time.Hour

func lifecycleOf(b state.Bucket) (l lifecycle, err error) {
	if b.Settings.Lifecycle != "" {
		err = json.Unmarshal([]byte(b.Settings.Lifecycle), &l)
	}
	return l, err
}

// afterDays is when an action is due that is to happen some days after a moment: the midnight that follows.
func afterDays(from time.Time, days int32) time.Time {
	due := from.UTC().Add(time.Duration(days) * day)
	if midnight := due.Truncate(day); midnight.Before(due) {
		return midnight.Add(day)
	}
	return due
}

// expires is when a current version expires by the rules, and by which; the zero time for never.
func (l *lifecycle) expires(v state.ObjectVersion) (at time.Time, rule string) {
	for i := range l.Rules {
		r := &l.Rules[i]
		if r.Status != types.ExpirationStatusEnabled || r.Expiration == nil || !matches(r, v) {
			continue
		}
		var due time.Time
		switch e := r.Expiration; {
		case e.Days != nil:
			due = afterDays(v.Modified.Time(), *e.Days)
		case e.Date != nil:
			due = *e.Date
		default:
			continue
		}
		if at.IsZero() || due.Before(at) {
			at, rule = due, str(r.ID)
		}
	}
	return at, rule
}

// expiration is the header x-amz-expiration of an object; nil if it does not expire.
func expiration(b state.Bucket, v state.ObjectVersion) *string {
	if b.Settings.Lifecycle == "" || v.DeleteMarker {
		return nil
	}
	l, err := lifecycleOf(b)
	if err != nil {
		return nil
	}
	at, rule := l.expires(v)
	if at.IsZero() {
		return nil
	}
	header := fmt.Sprintf(`expiry-date="%s", rule-id="%s"`, at.UTC().Format(http.TimeFormat), url.QueryEscape(rule))
	return &header
}

// place is where a version stands among those of its key.
type place struct {
	current bool
	alone   bool      // it is the only one
	since   time.Time // when it stopped being current
	newer   int32     // how many noncurrent versions are newer
	version state.ObjectVersion
}

// deed is what the rules have become of a version.
type deed struct {
	expire bool   // it is deleted: a current version as by a DeleteObject, others for good
	class  string // the storage class it moves to; "" for none
}

// due is what the rules say that is to become of a version by now.
func (l *lifecycle) due(p place, now time.Time) (d deed) {
	for i := range l.Rules {
		r := &l.Rules[i]
		if r.Status != types.ExpirationStatusEnabled || !matches(r, p.version) {
			continue
		}
		var class string
		switch {
		case p.current && p.version.DeleteMarker:
			d.expire = d.expire || p.alone && markerDue(r, p.version, now)
		case p.current:
			d.expire = d.expire || currentDue(r, p.version, now)
			class = l.transition(r, p, now)
		default:
			e := r.NoncurrentVersionExpiration
			d.expire = d.expire || e != nil && noncurrentDue(p, e.NoncurrentDays, e.NewerNoncurrentVersions, now)
			class = l.noncurrentTransition(r, p, now)
		}
		if classRank(class) > classRank(d.class) {
			d.class = class
		}
	}
	if d.expire || classRank(d.class) <= classRank(p.version.StorageClass) {
		d.class = ""
	}
	return d
}

func currentDue(r *types.LifecycleRule, v state.ObjectVersion, now time.Time) bool {
	e := r.Expiration
	return e != nil && (e.Days != nil && !afterDays(v.Modified.Time(), *e.Days).After(now) || e.Date != nil && !e.Date.After(now))
}

// markerDue reports whether a delete marker that is all that is left of its key goes: where the rule says so, or where it
// is as old as objects become.
func markerDue(r *types.LifecycleRule, v state.ObjectVersion, now time.Time) bool {
	return r.Expiration != nil && (isTrue(r.Expiration.ExpiredObjectDeleteMarker) || currentDue(r, v, now))
}

func noncurrentDue(p place, days, keep *int32, now time.Time) bool {
	if keep != nil && p.newer < *keep {
		return false
	}
	return days != nil && !afterDays(p.since, *days).After(now)
}

func (l *lifecycle) transition(r *types.LifecycleRule, p place, now time.Time) (class string) {
	for _, t := range r.Transitions {
		due := t.Days != nil && !afterDays(p.version.Modified.Time(), *t.Days).After(now) || t.Date != nil && !t.Date.After(now)
		if to := string(t.StorageClass); due && l.movable(r, p.version, to) && classRank(to) > classRank(class) {
			class = to
		}
	}
	return class
}

func (l *lifecycle) noncurrentTransition(r *types.LifecycleRule, p place, now time.Time) (class string) {
	if p.version.DeleteMarker {
		return ""
	}
	for _, t := range r.NoncurrentVersionTransitions {
		to := string(t.StorageClass)
		if noncurrentDue(p, t.NoncurrentDays, t.NewerNoncurrentVersions, now) && l.movable(r, p.version, to) && classRank(to) > classRank(class) {
			class = to
		}
	}
	return class
}

// leastMoved is the size below which objects stay in their class, unless the rule's filter speaks of sizes.
const leastMoved = 128 << 10

func (l *lifecycle) movable(r *types.LifecycleRule, v state.ObjectVersion, class string) bool {
	if over, under := filterSizes(r); over != nil || under != nil || v.Size >= leastMoved {
		return true
	}
	return l.MinimumSize == types.TransitionDefaultMinimumObjectSizeVariesByStorageClass && (class == "GLACIER" || class == "DEEP_ARCHIVE")
}

// RunLifecycles applies the lifecycle rules of all buckets for which that is due.
func (s *Service) RunLifecycles(ctx context.Context) error {
	for {
		var due []state.Bucket
		err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			due, err = tx.BucketsWithLifecycleDue(ctx, tx.Now, 100)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		for _, b := range due {
			next := s.clock.Now().UTC().Truncate(day).Add(day)
			if err := s.runLifecycle(ctx, b); err != nil {
				if ctx.Err() != nil {
					return err
				}
				s.log.ErrorContext(ctx, "applying lifecycle rules", slog.String("bucket", b.Name), slog.Any("error", err))
				next = s.clock.Now().Add(lifecycleRetry)
			}
			if err := s.lifecycleDone(ctx, b, next); err != nil {
				return err
			}
		}
	}
}

// lifecycleRetry is the pause after rules could not be applied.
const lifecycleRetry = time.Hour

// lifecycleDone says when the rules of a bucket are to be applied next, unless they are others by now, which are due.
func (s *Service) lifecycleDone(ctx context.Context, b state.Bucket, next time.Time) error {
	return s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		there, err := tx.Bucket(ctx, b.Name)
		if errors.Is(err, state.ErrNotFound) || err == nil && (there.ID != b.ID || there.Settings.Lifecycle != b.Settings.Lifecycle) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.SetBucketLifecycleDue(ctx, b.ID, state.MicrosOf(next))
	})
}

// runLifecycle applies the rules of a bucket to all that it holds.
func (s *Service) runLifecycle(ctx context.Context, b state.Bucket) error {
	l, err := lifecycleOf(b)
	if err != nil {
		return err
	}
	now := s.clock.Now()
	expired, moved, err := s.ageVersions(ctx, b, &l, now)
	if err != nil {
		return err
	}
	aborted, err := s.ageUploads(ctx, b, &l, now)
	if err != nil {
		return err
	}
	if expired+moved+aborted > 0 {
		s.log.InfoContext(ctx, "applied lifecycle rules", slog.String("bucket", b.Name), slog.Int("expired", expired), slog.Int("moved", moved), slog.Int("aborted", aborted))
	}
	return nil
}

// agePage is how many versions are looked at in one go.
const agePage = 1000

// ageVersions does to versions what the rules say, and counts them.
func (s *Service) ageVersions(ctx context.Context, b state.Bucket, l *lifecycle, now time.Time) (expired, moved int, err error) {
	r := state.KeyRange{BucketID: b.ID}
	var last *state.ObjectVersion // the version before, of the same or another key
	var newer int32               // how many noncurrent versions of its key were seen
	for {
		var page []state.ObjectVersion
		err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			page, err = versionsPage(ctx, tx, r, last, agePage+1)
			return err
		})
		if err != nil {
			return expired, moved, err
		}
		more := len(page) > agePage
		var due []place
		for i, v := range page[:min(len(page), agePage)] {
			p := place{version: v}
			if last == nil || last.Key != v.Key {
				newer = 0
				p.current = true
				p.alone = i+1 == len(page) || page[i+1].Key != v.Key
			} else {
				p.since, p.newer = last.Modified.Time(), newer
				newer++
			}
			if l.due(p, now) != (deed{}) {
				due = append(due, p)
			}
			last = &v
		}
		if len(due) > 0 {
			e, m, err := s.age(ctx, b, l, due, now)
			if expired, moved = expired+e, moved+m; err != nil {
				return expired, moved, err
			}
		}
		if !more {
			return expired, moved, nil
		}
		r.From = after(last.Key)
	}
}

// age does what is due of versions, if it still is.
func (s *Service) age(ctx context.Context, b state.Bucket, l *lifecycle, all []place, now time.Time) (expired, moved int, err error) {
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		expired, moved, dead = 0, 0, nil
		was := b.Settings.Lifecycle
		if err := again(ctx, tx, &b); err != nil || b.Settings.Lifecycle != was {
			return err
		}
		for _, p := range all {
			o, err := tx.ObjectAt(ctx, b.ID, p.version.Key, p.version.Modified)
			if errors.Is(err, state.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			newest, err := tx.NewestObject(ctx, b.ID, o.Key)
			if err != nil {
				return err
			}
			p.version = o.ObjectVersion
			if p.current != (newest.Modified == o.Modified) {
				continue // it is another one that is current now
			}
			if !p.current && p.newer <= mostKept {
				if p.since, p.newer, err = standing(ctx, tx, o.ObjectVersion); err != nil {
					return err
				}
			}
			d := l.due(p, now)
			switch {
			case d.expire:
				result, contents, err := expire(ctx, tx, b, p)
				if api.Code(err) != "" {
					continue // locked
				}
				if err != nil {
					return err
				}
				if err := s.tellOfDeletion(ctx, tx, nil, b, result); err != nil {
					return err
				}
				dead = append(dead, contents...)
				expired++
			case d.class != "":
				if err := tx.SetObjectStorageClass(ctx, o.ObjectVersion, d.class); err != nil {
					return err
				}
				if err := s.tell(ctx, tx, nil, b, objectMoved(o.ObjectVersion, d.class)); err != nil {
					return err
				}
				moved++
			}
		}
		return nil
	})
	if err == nil {
		s.files.remove(dead...)
	}
	return expired, moved, err
}

// mostKept is the greatest number of noncurrent versions that a rule keeps.
const mostKept = 100

// standing is since when a version is noncurrent, and how many noncurrent versions are newer, up to one more than any rule
// asks for.
func standing(ctx context.Context, tx *state.Tx, v state.ObjectVersion) (since time.Time, newer int32, err error) {
	all, err := tx.ObjectVersions(ctx, state.KeyRange{BucketID: v.BucketID, From: v.Key, Before: after(v.Key)}, mostKept+3)
	for i, each := range all {
		if each.Modified == v.Modified {
			return since, int32(i) - 1, err //nolint:gosec // a few
		}
		since = each.Modified.Time()
	}
	return since, mostKept + 1, err
}

// expire deletes what expired: a current version as a DeleteObject does, others for good.
func expire(ctx context.Context, tx *state.Tx, b state.Bucket, p place) (deleted, []content, error) {
	which := deletion{key: p.version.Key}
	if !p.current || p.version.DeleteMarker {
		which.version = p.version.VersionID
	}
	return remove(ctx, tx, b, which)
}

// ageUploads aborts the uploads that the rules let go, and counts them.
func (s *Service) ageUploads(ctx context.Context, b state.Bucket, l *lifecycle, now time.Time) (aborted int, err error) {
	r := state.KeyRange{BucketID: b.ID}
	for behind := ""; ; {
		var page []state.Upload
		var dead []content
		ended := 0
		err := s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) (err error) {
			page, dead, ended = nil, nil, 0
			was := b.Settings.Lifecycle
			if err := again(ctx, tx, &b); err != nil || b.Settings.Lifecycle != was {
				return err
			}
			if page, err = tx.Uploads(ctx, r, behind, agePage); err != nil {
				return err
			}
			for _, u := range page {
				if !l.aborts(u, now) {
					continue
				}
				contents, err := abort(ctx, tx, b, u)
				if err != nil {
					return err
				}
				dead = append(dead, contents...)
				ended++
			}
			return nil
		})
		if err != nil {
			return aborted, err
		}
		aborted += ended
		s.files.remove(dead...)
		if len(page) < agePage {
			return aborted, nil
		}
		last := page[len(page)-1]
		r.From, behind = last.Key, last.ID
	}
}

// aborts reports whether a rule ends an upload by now.
func (l *lifecycle) aborts(u state.Upload, now time.Time) bool {
	at, _ := l.abortsAt(u.Key, u.Initiated)
	return !at.IsZero() && !at.After(now)
}

// abortsAt is when the rules end an upload, and which; the zero time for never.
func (l *lifecycle) abortsAt(key string, initiated state.Micros) (at time.Time, rule string) {
	for i := range l.Rules {
		r := &l.Rules[i]
		a := r.AbortIncompleteMultipartUpload
		if r.Status != types.ExpirationStatusEnabled || a == nil || a.DaysAfterInitiation == nil || !matches(r, state.ObjectVersion{Key: key}) {
			continue
		}
		if due := afterDays(initiated.Time(), *a.DaysAfterInitiation); at.IsZero() || due.Before(at) {
			at, rule = due, str(r.ID)
		}
	}
	return at, rule
}
