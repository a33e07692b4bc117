package rules

import (
	"regexp"
	"sync"
)

// class is a pattern by which AWS sorts messages into categories.
type class struct {
	category string
	pattern  *regexp.Regexp
}

// exact are the texts of the catalogue that have a category.
var exact = sync.OnceValue(func() []class {
	var all []class
	for _, e := range Catalogue() {
		if e.Text != "" && e.Category != "" {
			all = append(all, class{e.Category, e.pattern()})
		}
	}
	return all
})

// classes are for messages that are no text of the catalogue; the first that fits decides. See
// https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-dashboards.html.
var classes = []class{
	{Success, regexp.MustCompile(`^$`)},
	{UnsupportedOperation, regexp.MustCompile(`Feature is not supported for provided resource type|^UnsupportedOperation`)},
	{InvalidLifecycle, regexp.MustCompile(`too close to the (weekly maintenance|automated backup) window|Invalid lifecycle`)},
	{LimitExceeded, regexp.MustCompile(`(?i)limit exceeded|more than 50 (user )?tags|maximum (allowed|supported|number|concurrent)|reached your quota|Cannot create more than`)},
	{VSSError, regexp.MustCompile(`Windows VSS`)},
	{KMSKeyError, regexp.MustCompile(`(?i)kms key`)},
	{AccessDenied, regexp.MustCompile(`(?i)access denied|not authorized to|cannot be assumed by AWS Backup|does not have permission|missing permission`)},
	{ResourceNotSupported, regexp.MustCompile(`(?i)unsupported resource type`)},
	{InvalidState, regexp.MustCompile(`Instance is not in state|not in (the )?available state|Cannot snapshot volume`)},
	{ResourceNotFound, regexp.MustCompile(`does not exist|[Cc]ould not find resource|Could not find cryopod|Cannot find recovery point|resource not found|no longer available|is invalid|was not found`)},
	{FatalError, regexp.MustCompile(`encountered a fatal error`)},
}

// Category is the MessageCategory of a job's status message; no message is a success.
func Category(message string) string {
	for _, list := range [][]class{exact(), classes} {
		for _, c := range list {
			if c.pattern.MatchString(message) {
				return c.category
			}
		}
	}
	return Miscellaneous
}
