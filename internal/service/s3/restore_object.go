package s3

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Objects of the classes GLACIER and DEEP_ARCHIVE are read only after a restore, which takes hours:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html

// retrieval is how long each tier takes at most.
var retrieval = map[types.StorageClass]map[types.Tier]time.Duration{
	types.StorageClassGlacier:     {types.TierExpedited: 5 * time.Minute, types.TierStandard: 5 * time.Hour, types.TierBulk: 12 * time.Hour},
	types.StorageClassDeepArchive: {types.TierStandard: 12 * time.Hour, types.TierBulk: 48 * time.Hour},
}

// archived refuses a read of an archived object that is not restored.
func archived(o state.Object, now time.Time) error {
	if retrieval[types.StorageClass(o.StorageClass)] == nil || restored(o, now) {
		return nil
	}
	return failure(http.StatusForbidden, "InvalidObjectState", "The operation is not valid for the object's storage class", "StorageClass", o.StorageClass)
}

func restored(o state.Object, now time.Time) bool {
	return o.Restored.Ready != 0 && !o.Restored.Ready.Time().After(now) && o.Restored.Expires.Time().After(now)
}

// restoring reports whether a restore is under way.
func restoring(o state.Object, now time.Time) bool {
	return o.Restored.Ready != 0 && o.Restored.Ready.Time().After(now)
}

// restoreHeader is what reads tell of a restore.
func restoreHeader(o state.Object, now time.Time) *string {
	switch {
	case restoring(o, now):
		return ptr(`ongoing-request="true"`)
	case restored(o, now):
		return ptr(fmt.Sprintf(`ongoing-request="false", expiry-date="%s"`, o.Restored.Expires.Time().UTC().Format(http.TimeFormat)))
	}
	return nil
}

// RestoreObject makes an archived object readable for some days, after the time that the tier takes. For one that is
// restored already it sets how long it stays.
func (s *Service) RestoreObject(ctx context.Context, c *api.Caller, in *s3.RestoreObjectInput) (*s3.RestoreObjectOutput, error) {
	request := in.RestoreRequest
	switch {
	case request == nil:
		return nil, malformedXML()
	case request.Type != "" || request.SelectParameters != nil || request.OutputLocation != nil:
		return nil, api.NotImplemented("s3: RestoreObject of type SELECT")
	case request.Days == nil || *request.Days < 1:
		return nil, malformedXML()
	}
	tier := request.Tier
	if request.GlacierJobParameters != nil {
		tier = request.GlacierJobParameters.Tier
	}
	if tier == "" {
		tier = types.TierStandard
	}
	_, err := s.changeObject(ctx, c, in.Bucket, in.Key, in.VersionId, func(ctx context.Context, tx *state.Tx, b state.Bucket, o state.Object) error {
		now := tx.Now.Time()
		tiers := retrieval[types.StorageClass(o.StorageClass)]
		if tiers == nil {
			return failure(http.StatusForbidden, "InvalidObjectState", "Restore is not allowed for the object's current storage class", "StorageClass", o.StorageClass)
		}
		if restoring(o, now) {
			return failure(http.StatusConflict, "RestoreAlreadyInProgress", "Object restore is already in progress")
		}
		takes, ok := tiers[tier]
		if !ok {
			return invalidArgument("Tier", string(tier), "Retrieval option is not supported by this storage class")
		}
		ready := o.Restored.Ready
		if !restored(o, now) {
			ready = state.MicrosOf(now.Add(takes))
		}
		// The copy goes at the midnight after its last day.
		expires := max(ready, tx.Now).Time().UTC().AddDate(0, 0, int(*request.Days)+1).Truncate(24 * time.Hour)
		if err := tx.SetObjectRestore(ctx, o.ObjectVersion, state.ObjectRestore{Ready: ready, Expires: state.MicrosOf(expires)}); err != nil {
			return err
		}
		return s.tell(ctx, tx, c, b, restoreBegun(o.ObjectVersion))
	})
	return &s3.RestoreObjectOutput{}, err
}
