package copier

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// Config says what is copied from where to where, and how. [Config.Check] fills what is zero.
type Config struct {
	// Intermediate are the vaults of this account that first hops arrive in.
	Intermediate []Vault
	// Routes say where points go on to; the first that fits a point is its only one.
	Routes []Route
	// RoleARN is the role of this account that AWS Backup copies as. The role that an event names may be another account's.
	RoleARN string
	// Types are the resource types that are copied on: those which one copy action may not bring across account and Region.
	Types []string
	// Tags are the tags that a final copy gets from the intermediate one if AWS Backup did not bring them: "*" for all of
	// them, none by default.
	Tags []string

	// Delete removes an intermediate copy once it is complete in all of its final vaults, and has been for Margin, unless it
	// is one of the KeepNewest of its resource.
	Delete bool
	// Margin is an hour unless it is set: whoever finds a final copy wrong, or deletes it by mistake, still has its source.
	Margin *time.Duration
	// KeepNewest is 1 unless it is set: without the newest copy, the next first hop is a full one where copies are incremental.
	KeepNewest *int

	// MaxAttempts is how many copy jobs of one point to one vault may fail; 5 by default.
	MaxAttempts int
	// MaxReceives is how often a message is tried whose failure is of an unknown kind; 20 by default.
	MaxReceives int
	// Backoff is the pause after the first failure, 5 minutes by default. It doubles from failure to failure, up to 6 hours.
	Backoff time.Duration
	// Patience is how long after a lasting failure of a copy job the reconciliation tries once more; a day by default.
	Patience time.Duration
	// Window is how far back the reconciliation looks; 14 days by default, and less than the 30 days that AWS Backup keeps
	// the records of jobs: what it has forgotten cannot be told from what was never made.
	Window time.Duration

	// DeadLetterURL is the queue for messages that cannot be dealt with; without one they stay where they are, for the redrive
	// policy of their queue.
	DeadLetterURL string
	// DryRun says what would be done and changes nothing.
	DryRun bool
}

// A Route sends points on. Empty conditions fit every point.
type Route struct {
	From      string // the ARN of an intermediate vault
	Types     []string
	TagKey    string
	TagValue  string // "" fits every value
	To        []Vault
	Lifecycle *types.Lifecycle // of the final copies; nil for that of the intermediate copy
}

// DefaultTypes could not be copied across account and Region in one copy action until 2025-10-23.
var DefaultTypes = []string{"RDS", "Aurora", "DocumentDB", "Neptune"}

// recordsKept is how long AWS Backup keeps the record of a copy job.
const recordsKept = 30 * 24 * time.Hour

const longestBackoff = 6 * time.Hour

// Check fills in what is not set and says what is wrong.
func (c *Config) Check() error {
	if len(c.Types) == 0 {
		c.Types = DefaultTypes
	}
	if c.KeepNewest == nil {
		one := 1
		c.KeepNewest = &one
	}
	if c.Margin == nil {
		hour := time.Hour
		c.Margin = &hour
	}
	for value, standard := range map[*time.Duration]time.Duration{&c.Backoff: 5 * time.Minute, &c.Patience: 24 * time.Hour, &c.Window: 14 * 24 * time.Hour} {
		if *value == 0 {
			*value = standard
		}
	}
	for value, standard := range map[*int]int{&c.MaxAttempts: 5, &c.MaxReceives: 20} {
		if *value == 0 {
			*value = standard
		}
	}
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if len(c.Intermediate) == 0 {
		say("no intermediate vault is given")
	}
	if len(c.Routes) == 0 {
		say("no final vault is given")
	}
	if !strings.HasPrefix(c.RoleARN, "arn:") || !strings.Contains(c.RoleARN, ":role/") {
		say("%q is not the ARN of a role for copy jobs", c.RoleARN)
	}
	if c.Window >= recordsKept {
		say("a window of %s is too long: AWS Backup forgets copy jobs after 30 days, and what it forgot would be copied again", c.Window)
	}
	if *c.Margin < 0 || c.Backoff < 0 || c.Patience < 0 || c.Window < 0 || c.MaxAttempts < 0 || c.MaxReceives < 0 || *c.KeepNewest < 0 {
		say("durations and numbers cannot be negative")
	}
	for _, v := range c.Intermediate {
		if v.Account != c.Intermediate[0].Account {
			say("the intermediate vaults %s and %s are in different accounts; run a copier in each", c.Intermediate[0], v)
		}
	}
	for _, r := range c.Routes {
		if len(r.To) == 0 {
			say("a route has no final vault")
		}
		if r.From != "" && !slices.ContainsFunc(c.Intermediate, func(v Vault) bool { return v.ARN == r.From }) {
			say("the route from %s: it is no intermediate vault", r.From)
		}
		for _, to := range r.To {
			if slices.ContainsFunc(c.Intermediate, func(v Vault) bool { return v.ARN == to.ARN }) {
				say("%s is an intermediate vault and a final one: its copies would be copied on for ever", to)
			}
		}
	}
	return errors.Join(wrong...)
}

// intermediate is the intermediate vault with an ARN.
func (c *Config) intermediate(arn string) (Vault, bool) {
	i := slices.IndexFunc(c.Intermediate, func(v Vault) bool { return v.ARN == arn })
	if i < 0 {
		return Vault{}, false
	}
	return c.Intermediate[i], true
}

// final reports whether a route leads to the vault with an ARN.
func (c *Config) final(arn string) bool {
	return slices.ContainsFunc(c.Routes, func(r Route) bool {
		return slices.ContainsFunc(r.To, func(v Vault) bool { return v.ARN == arn })
	})
}

// needsTags reports whether a route asks for tags.
func (c *Config) needsTags() bool {
	return slices.ContainsFunc(c.Routes, func(r Route) bool { return r.TagKey != "" })
}

// carries reports whether final copies get a tag of the intermediate one. Tags of AWS's own cannot be set.
func (c *Config) carries(key string) bool {
	return !strings.HasPrefix(key, "aws:") && (slices.Contains(c.Tags, "*") || slices.Contains(c.Tags, key))
}

// route is where a point goes on to.
func (c *Config) route(p Point) (Route, bool) {
	for _, r := range c.Routes {
		value, tagged := p.Tags[r.TagKey]
		if (r.From == "" || r.From == p.Vault.ARN) && (len(r.Types) == 0 || slices.Contains(r.Types, p.Type)) &&
			(r.TagKey == "" || tagged && (r.TagValue == "" || r.TagValue == value)) {
			return r, true
		}
	}
	return Route{}, false
}

// backoff is the pause after a number of failures.
func (c *Config) backoff(failures int) time.Duration {
	pause := c.Backoff
	for ; failures > 1 && pause < longestBackoff; failures-- {
		pause *= 2
	}
	return min(pause, longestBackoff)
}

// ParseVaults reads a list of vaults separated by commas.
func ParseVaults(text string) ([]Vault, error) {
	var vaults []Vault
	for _, arn := range Words(text) {
		v, err := ParseVault(arn)
		if err != nil {
			return nil, err
		}
		vaults = append(vaults, v)
	}
	return vaults, nil
}

// Words splits a list at its commas.
func Words(text string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }), func(s string) bool { return s == "" })
}

// ParseLifecycle reads a lifecycle in the form that AWS Backup writes it, such as {"DeleteAfterDays": 35}; "" is none.
func ParseLifecycle(text string) (*types.Lifecycle, error) {
	if text == "" {
		return nil, nil
	}
	var l types.Lifecycle
	if err := strictly(text, &l); err != nil {
		return nil, fmt.Errorf("reading the lifecycle: %w", err)
	}
	return &l, nil
}

// ParseRoutes reads a list of routes, such as
//
//	[{"Types": ["RDS"], "Tag": "keep=long", "To": ["arn:…"], "Lifecycle": {"DeleteAfterDays": 365}}, {"To": ["arn:…"]}]
func ParseRoutes(text string) ([]Route, error) {
	var written []struct {
		From      string
		Types     []string
		Tag       string
		To        []string
		Lifecycle *types.Lifecycle
	}
	if err := strictly(text, &written); err != nil {
		return nil, fmt.Errorf("reading the routes: %w", err)
	}
	var routes []Route
	for _, w := range written {
		to, err := ParseVaults(strings.Join(w.To, ","))
		if err != nil {
			return nil, err
		}
		r := Route{From: w.From, Types: w.Types, To: to, Lifecycle: w.Lifecycle}
		r.TagKey, r.TagValue, _ = strings.Cut(w.Tag, "=")
		routes = append(routes, r)
	}
	return routes, nil
}

// strictly decodes JSON and refuses what it does not know.
func strictly(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows it")
	}
	return nil
}
