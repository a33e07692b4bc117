package backuppolicy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"strongroom/backuppolicy/inheritance"
)

// schema is what may stand at a place of a policy: a setting, or a container with keys of its own.
type schema struct {
	setting *settingSchema

	fields map[string]*schema // keys that the grammar names
	named  *schema            // what stands under keys that the author names
	name   func(key string) (reason string)

	// whole checks an element that is right in its parts.
	whole func(e *inheritance.Element, report func(at *inheritance.Element, reason string))
}

// settingSchema is what a setting may hold.
type settingSchema struct {
	list  bool
	empty bool                              // an empty array can be assigned
	check func(text string) (reason string) // of each value
}

// checker collects what is wrong with a document.
type checker struct {
	merged   bool // keys and values only: several policies may say together what none may alone
	problems []*inheritance.SyntaxError
}

// check holds a document against the grammar.
func check(document *inheritance.Document) []*inheritance.SyntaxError {
	var c checker
	if len(document.Root.Children) == 0 {
		c.report(document.Root, "it needs the key plans")
	}
	return c.check(document.Root)
}

// checkMerged holds what several policies may have come to against the grammar.
func checkMerged(document *inheritance.Document) []*inheritance.SyntaxError {
	return (&checker{merged: true}).check(document.Root)
}

func (c *checker) check(root *inheritance.Element) []*inheritance.SyntaxError {
	// AWS takes operators beside plans and makes nothing of them.
	c.container(&inheritance.Element{Children: root.Children, Control: root.Control}, policySchema)
	slices.SortStableFunc(c.problems, func(a, b *inheritance.SyntaxError) int { return a.Position.Offset - b.Position.Offset })
	return c.problems
}

func (c *checker) report(e *inheritance.Element, reason string) {
	c.problems = append(c.problems, &inheritance.SyntaxError{Path: e.Path, Position: e.Position, Reason: reason})
}

func (c *checker) element(e *inheritance.Element, s *schema) {
	if s.setting != nil {
		c.setting(e, s.setting)
	} else {
		c.container(e, s)
	}
}

func (c *checker) container(e *inheritance.Element, s *schema) {
	before := len(c.problems)
	for _, o := range e.Operations {
		c.problems = append(c.problems, &inheritance.SyntaxError{
			Path: e.Path + "/" + string(o.Operator), Position: o.Position,
			Reason: "operators that set values stand at settings, and this is no setting but holds some",
		})
	}
	for _, child := range e.Children {
		below := s.fields[child.Key]
		if below == nil && s.named != nil {
			below = s.named
			if reason := s.name(child.Name); reason != "" {
				c.report(child, reason)
				continue
			}
		}
		if below == nil {
			c.report(child, "there is no such key here"+didYouMean(child.Key, s.fields))
			continue
		}
		c.element(child, below)
	}
	if s.whole != nil && !c.merged && len(c.problems) == before {
		s.whole(e, c.report)
	}
}

func (c *checker) setting(e *inheritance.Element, s *settingSchema) {
	for _, child := range e.Children {
		c.report(child, "a setting holds operators and no keys")
	}
	for _, o := range e.Operations {
		report := func(at inheritance.Position, reason string) {
			c.problems = append(c.problems, &inheritance.SyntaxError{Path: e.Path + "/" + string(o.Operator), Position: at, Reason: reason})
		}
		switch {
		case !s.list && o.Operator != inheritance.Assign:
			report(o.Position, "the setting takes a single value, and @@assign only")
			continue
		case !s.list && o.List:
			report(o.Position, "the setting takes a single value, no array")
			continue
		case s.list && !o.List:
			report(o.Position, "the setting takes an array of values")
			continue
		case s.list && !s.empty && !c.merged && len(o.Values) == 0:
			report(o.Position, "the array is empty")
			continue
		}
		for _, v := range o.Values {
			if v.Kind == inheritance.Null {
				report(v.Position, "null is no value")
			} else if reason := s.check(v.Text); reason != "" {
				report(v.Position, reason)
			}
		}
	}
}

// didYouMean proposes the key nearest to one that does not exist.
func didYouMean(key string, fields map[string]*schema) string {
	keys := slices.Sorted(maps.Keys(fields))
	if best, near := Nearest(key, keys); near {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	if len(keys) == 0 {
		return ""
	}
	return "; there are " + strings.Join(keys, ", ")
}

// Nearest is the candidate that a mistyped text most likely means; near is false if it is far from all of them.
func Nearest(text string, candidates []string) (best string, near bool) {
	distance := 1 + max(2, len(text)/3)
	for _, candidate := range candidates {
		if d := editDistance(squeeze(text), squeeze(candidate)); d < distance {
			best, distance, near = candidate, d, true
		}
	}
	return best, near
}

// squeeze leaves out what people write keys with: StartBackupWindow-Minutes is start_backup_window_minutes.
func squeeze(key string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(key))
}

// editDistance is how many letters must be added, dropped, changed or swapped with their neighbour.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
