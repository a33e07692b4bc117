package dbengine

import (
	"errors"
	"regexp"
	"strings"
)

// A Symptom is how an engine's log shows a reason.
type Symptom struct {
	Pattern *regexp.Regexp // its first group, if it has one, is the detail
	Reason  Reason
	Detail  string // where the pattern has no group
}

// common are the words of the C library, which all engines pass on.
var common = []Symptom{
	{Pattern: regexp.MustCompile(`(?i)No space left on device|Disk quota exceeded|File too large|File size limit exceeded|disk (?:is )?full|table (?:\S+ )?is full`), Reason: ReasonNoSpace},
	{Pattern: regexp.MustCompile(`(?i)Address already in use`), Reason: ReasonPortInUse},
	{Pattern: regexp.MustCompile(`(?i)Cannot allocate memory|Out of memory`), Reason: ReasonNoMemory},
	{Pattern: regexp.MustCompile(`(?i)Permission denied|Operation not permitted|Read-only file system`), Reason: ReasonPermission},
}

// Explain makes the error of what an engine wrote before it gave up. The engine's own symptoms are tried first, in their order.
func Explain(log string, own ...Symptom) *StartError {
	e := &StartError{Reason: ReasonUnknown, LogTail: tail(log)}
	for _, s := range append(own[:len(own):len(own)], common...) {
		found := s.Pattern.FindStringSubmatch(log)
		if found == nil {
			continue
		}
		e.Reason, e.Detail = s.Reason, s.Detail
		if len(found) > 1 {
			e.Detail = found[1]
		}
		return e
	}
	return e
}

// tail is the last of a text: whole lines, at most 4 KiB.
func tail(text string) string {
	text = strings.TrimSpace(text)
	const most = 4 << 10
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return text
}

// ExplainTool makes of a tool's failure the error that its output tells; any other error stays as it is.
func ExplainTool(err error, own ...Symptom) error {
	var failed *ToolError
	if !errors.As(err, &failed) {
		return err
	}
	why := Explain(failed.Output, own...)
	if why.Reason == ReasonUnknown {
		why.Detail = failed.Error()
	}
	return why
}
