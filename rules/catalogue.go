package rules

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Entry is one refusal of AWS Backup, or of a service under it, as a row of the [Catalogue]: the words, when they come, why,
// and what to do. <names> in texts, causes and cures stand for what [Entry.Refuse] fills in.
type Entry struct {
	ID       string    // E1 to E97; where there are several texts for one cause, a letter follows: E39, E39b
	Text     string    // AWS's words, letter for letter; "" where it has none of its own, or where they are not known
	Category string    // the job's MessageCategory; "" where jobs have none
	Moments  []Moment  // when it is told
	Error    Exception // the error of a call that is refused [AtOnce]
	Cause    string    // why, in a sentence
	Cure     Fix       // what turns it around
	Source   string    // where AWS, or somebody who met it, says so; see docs/troubleshooting.md
	// Unreachable says why the service does not give it, or not yet; "" if it does.
	Unreachable string
}

// Moment is when a refusal is told.
type Moment string

// Moments.
const (
	AtOnce    Moment = "the call is refused"
	InBackup  Moment = "StatusMessage of the backup job"
	InCopy    Moment = "StatusMessage of the copy job"
	InRestore Moment = "StatusMessage of the restore job"
	InEvent   Moment = "event, without a job"
)

// Exception is the error that a refused call answers with.
type Exception struct {
	Code   string // InvalidParameterValueException
	Status int    // of HTTP; 0 means 400
	Number string // AWS Backup's own, ERROR_3015; "" for none
}

// Values are what stands for the <names> of an entry, by name.
type Values map[string]string

// With is v and more, given as pairs of name and value.
func (v Values) With(pairs ...string) Values {
	all := maps.Clone(v)
	for pair := range slices.Chunk(pairs, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

func (v Values) fill(text string) string {
	for name, value := range v {
		text = strings.ReplaceAll(text, "<"+name+">", value)
	}
	return text
}

// Refuse is the entry as a decision.
func (e Entry) Refuse(v Values) *Refusal {
	fix := Fix{
		Call: e.Cure.Call, AccountID: v.fill(e.Cure.AccountID), Region: v.fill(e.Cure.Region), Resource: v.fill(e.Cure.Resource),
		Statement: v.fill(e.Cure.Statement), Advice: v.fill(e.Cure.Advice),
	}
	if len(e.Cure.Parameters) > 0 {
		fix.Parameters = map[string]string{}
		for name, value := range e.Cure.Parameters {
			fix.Parameters[name] = v.fill(value)
		}
	}
	return &Refusal{ID: e.ID, Message: v.fill(e.Text), Category: e.Category, Cause: v.fill(e.Cause), Fix: fix}
}

// Message is the entry's text alone.
func (e Entry) Message(v Values) string { return v.fill(e.Text) }

// Catalogue returns all entries, in the order of their ids.
func Catalogue() []Entry {
	return slices.Concat(copyEntries, vaultEntries, backupEntries, restoreEntries)
}

// EntryOf finds the entry that a refusal was made of.
func EntryOf(id string) (Entry, bool) {
	all := Catalogue()
	i := slices.IndexFunc(all, func(e Entry) bool { return e.ID == id })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

var parameter = regexp.MustCompile(`<[a-z]+>`)

// pattern matches what Refuse makes of the text.
func (e Entry) pattern() *regexp.Regexp {
	var b strings.Builder
	for i, literal := range parameter.Split(e.Text, -1) {
		if i > 0 {
			b.WriteString(`.+`)
		}
		b.WriteString(regexp.QuoteMeta(literal))
	}
	return regexp.MustCompile(`^(?s:` + b.String() + `)$`)
}
