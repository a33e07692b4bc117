package rules

import "regexp"

// messages are the texts by which AWS sorts job messages into categories; the first that fits decides. Texts that stand
// for a whole class come after the exact ones they might swallow.
var messages = []struct {
	category string
	pattern  *regexp.Regexp
}{
	{Success, regexp.MustCompile(`^$`)},
	{FeatureNotEnabled, regexp.MustCompile(`feature is not enabled for the current organization`)},
	{UnsupportedOperation, regexp.MustCompile(`Feature is not supported for provided resource type|^UnsupportedOperation|method not supported on hypervisor`)},
	{ConcurrentJob, regexp.MustCompile(`running job for the same resource|too many copy jobs running`)},
	{JobExpired, regexp.MustCompile(`expired before completion|did not start within|unable to start within the specified start window`)},
	{InvalidLifecycle, regexp.MustCompile(`lifecycle is outside the valid range|retention specified in the job is not within|too close to the (weekly maintenance|automated backup) window|Invalid lifecycle`)},
	{TagCopyError, regexp.MustCompile(`unable to copy resource tags`)},
	{LimitExceeded, regexp.MustCompile(`[Ll]imit exceeded|more than 50 (user )?tags|More than 50 tags|maximum (allowed|supported|number|concurrent)|Maximum allowed|internal limits|reached your quota|Cannot create more than|Image creation throttled`)},
	{TokenExpired, regexp.MustCompile(`Token expired`)},
	{VSSError, regexp.MustCompile(`Windows VSS`)},
	{HypervisorOffline, regexp.MustCompile(`hypervisor because it is not online`)},
	{AccessKeyError, regexp.MustCompile(`Access Key Id needs a subscription`)},
	{AccessDenied, regexp.MustCompile(`default Backup service managed key|AWS managed key can't be shared|EBS default key cannot be shared|Marketplace cannot be copied|member of the same organization`)},
	{ResourceNotFound, regexp.MustCompile(`Given key ID does not exist`)},
	{KMSKeyError, regexp.MustCompile(`(?i)kms key|Given key ID is not accessible`)},
	{AccessDenied, regexp.MustCompile(`(?i)access denied|not authorized to|cannot be assumed by AWS Backup|does not have permission|does not have sufficient permissions|missing? permission`)},
	{ResourceNotSupported, regexp.MustCompile(`(?i)unsupported resource type`)},
	{InvalidState, regexp.MustCompile(`Instance is not in state|not in (the )?available state|Cannot snapshot volume|in cold storage cannot`)},
	{ResourceNotFound, regexp.MustCompile(`does not exist|[Cc]ould not find resource|Could not find cryopod|Cannot find recovery point|resource not found|no longer available|is invalid|was not found|is not found|not found\.`)},
	{FatalError, regexp.MustCompile(`encountered a fatal error|An internal error occurred`)},
}

// Category is the MessageCategory of a job's status message; no message is a success.
func Category(message string) string {
	for _, m := range messages {
		if m.pattern.MatchString(message) {
			return m.category
		}
	}
	return Miscellaneous
}
