package inheritance_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/backuppolicy/inheritance"
)

// world makes random policies over few keys and values, so that they meet.
type world struct {
	*rand.Rand
	t    *testing.T
	next int
}

// worlds runs a law over many random worlds; a failure names the seed.
func worlds(t *testing.T, law func(w *world)) {
	t.Helper()
	for seed := range uint64(120) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			law(&world{rand.New(rand.NewPCG(seed, 7)), t, 0})
		})
	}
}

var operators = []string{"@@assign", "@@append", "@@remove"}

func (w *world) control() string {
	if w.IntN(4) > 0 {
		return ""
	}
	if w.IntN(3) == 0 {
		return `"@@operators_allowed_for_child_policies":["@@none"],`
	}
	var allowed []string
	for _, o := range operators {
		if w.IntN(2) == 0 {
			allowed = append(allowed, `"`+o+`"`)
		}
	}
	if len(allowed) == 0 {
		allowed = []string{`"@@all"`}
	}
	return `"@@operators_allowed_for_child_policies":[` + strings.Join(allowed, ",") + `],`
}

func (w *world) values() string {
	var values []string
	for range w.IntN(4) {
		values = append(values, fmt.Sprintf(`"v%d"`, w.IntN(5)))
	}
	return "[" + strings.Join(values, ",") + "]"
}

// object is a random element: k0 to k2 within k0 to k2, with lists at l and single values at s.
func (w *world) object(depth int) string {
	b := strings.Builder{}
	b.WriteString("{" + w.control())
	for i := range 3 {
		if depth > 0 && w.IntN(2) == 0 {
			fmt.Fprintf(&b, `"k%d":%s,`, i, w.object(depth-1))
		}
	}
	if w.IntN(2) == 0 {
		b.WriteString(`"l":{` + w.control())
		for _, o := range operators {
			if w.IntN(2) == 0 {
				fmt.Fprintf(&b, `"%s":%s,`, o, w.values())
			}
		}
		b.WriteString(`"":{}},`)
	}
	if w.IntN(2) == 0 {
		fmt.Fprintf(&b, `"s":{%s"@@assign":"v%d"},`, w.control(), w.IntN(5))
	}
	text := strings.ReplaceAll(b.String()+"}", `,"":{}}`, "}")
	return strings.ReplaceAll(strings.ReplaceAll(text, `{"":{}}`, "{}"), ",}", "}")
}

func (w *world) policy(target string) inheritance.Attached {
	w.next++
	return attached(w.t, fmt.Sprint("p-", w.next), target, w.object(2))
}

func (w *world) level(target string) (level []inheritance.Attached) {
	for range w.IntN(4) {
		level = append(level, w.policy(target))
	}
	return level
}

func (w *world) levels() (levels [][]inheritance.Attached) {
	for i := range 1 + w.IntN(4) {
		levels = append(levels, w.level(fmt.Sprint("level ", i)))
	}
	return levels
}

func (w *world) same(why, want, got string) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

// What the whole merge says is what a simple model of it says, node by node.
func TestMergeIsTheModels(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		levels := w.levels()
		w.same("content", model(levels), string(inheritance.Merge(levels).Content()))
	})
}

// A prefix merged once serves all below: extending it gives what the whole merge gives, and neither the prefix nor what was
// made of it before is touched.
func TestExtendingAPrefixIsTheWholeMerge(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		levels := w.levels()
		prefix, below := inheritance.Merge(levels), []inheritance.Attached{w.policy("below"), w.policy("below")}
		all := func(m *inheritance.Merged) string { return everything(m) + everything(m.Extend(below)) }
		made, as := []*inheritance.Merged{prefix}, []string{all(prefix)}
		for range 6 {
			child := append(w.level("account"), w.policy("account"))
			extended, whole := prefix.Extend(child), inheritance.Merge(append(slices.Clip(levels), child))
			w.same("extended", all(whole), all(extended))
			made, as = append(made, extended), append(as, all(extended))
		}
		for i, m := range made {
			w.same("as it was made", as[i], all(m))
		}
	})
}

// everything is all that a merge says.
func everything(m *inheritance.Merged) string {
	var b strings.Builder
	m.Root().Walk(func(n *inheritance.Node) {
		fmt.Fprintf(&b, "%s %t %v %s %v\n", n.Path(), n.IsList(), n.Values(), n.Allowed(), n.Contributors())
	})
	for _, i := range m.Ignored() {
		fmt.Fprintf(&b, "%+v\n", i)
	}
	return b.String()
}

func TestRemovingWhatIsAbsentChangesNothing(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		merged := inheritance.Merge(w.levels())
		merged.Root().Walk(func(n *inheritance.Node) {
			if n.IsList() {
				policy := attached(w.t, "p-remove", "account", within(n.Path(), `{"@@remove":["absent"]}`))
				w.same("content", string(merged.Content()), string(merged.Extend([]inheritance.Attached{policy}).Content()))
			}
		})
	})
}

func TestALockedValueSurvivesAnyChild(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		merged := inheritance.Merge(w.levels())
		locked := merged
		merged.Root().Walk(func(n *inheritance.Node) {
			if n.HasValue() {
				policy := attached(w.t, "p-lock", "root", within(n.Path(), `{"@@operators_allowed_for_child_policies":["@@none"]}`))
				locked = locked.Extend([]inheritance.Attached{policy})
			}
		})
		below := locked
		for i := range 3 {
			below = below.Extend(w.level(fmt.Sprint("below ", i)))
		}
		merged.Root().Walk(func(n *inheritance.Node) {
			if n.HasValue() {
				w.same(n.Path(), fmt.Sprint(n.IsList(), n.Values()), fmt.Sprint(below.Root().At(n.Path()).IsList(), below.Root().At(n.Path()).Values()))
			}
		})
	})
}

// What is allowed only ever narrows, and in which order the policies of a level narrow it makes no difference.
func TestControlsNarrow(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		merged, level := inheritance.Merge(w.levels()), w.level("account")
		backwards := slices.Clone(level)
		slices.Reverse(backwards)
		forth, back := merged.Extend(level), merged.Extend(backwards)
		forth.Root().Walk(func(n *inheritance.Node) {
			if above := merged.Root().At(n.Path()); above != nil && n.Allowed()&^above.Allowed() != 0 {
				w.t.Errorf("%s allows %s, above %s", n.Path(), n.Allowed(), above.Allowed())
			}
			if other := back.Root().At(n.Path()); other.Allowed() != n.Allowed() {
				w.t.Errorf("%s allows %s, attached in the other order %s", n.Path(), n.Allowed(), other.Allowed())
			}
		})
	})
}

func TestProvenanceNamesAPolicyWithTheValue(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		levels := w.levels()
		policies := map[string]inheritance.Attached{}
		for _, a := range slices.Concat(levels...) {
			policies[a.PolicyID] = a
		}
		merged := inheritance.Merge(levels)
		merged.Root().Walk(func(n *inheritance.Node) {
			for _, v := range n.Values() {
				a := policies[v.Origin.PolicyID]
				if a.TargetID != v.Origin.TargetID || !says(a.Policy.Root, n.Path(), v.Origin.Operator, v.Text) {
					w.t.Errorf("%s is not in %s by %s of %s", v.Text, n.Path(), v.Origin.Operator, a.PolicyID)
				}
			}
		})
		for _, i := range merged.Ignored() {
			for _, v := range i.Values {
				if !says(policies[i.PolicyID].Policy.Root, i.Path, i.Operator, v) {
					w.t.Errorf("ignored %s is not in %s by %s of %s", v, i.Path, i.Operator, i.PolicyID)
				}
			}
		}
	})
}

// An effective policy written as a policy means itself.
func TestEffectivePoliciesReadBack(t *testing.T) {
	t.Parallel()
	worlds(t, func(w *world) {
		merged := inheritance.Merge(w.levels())
		if !json.Valid(merged.Content()) {
			w.t.Fatalf("no JSON: %s", merged.Content())
		}
		again := inheritance.Merge([][]inheritance.Attached{{attached(w.t, "p-again", "root", string(merged.AsPolicy()))}})
		w.same("content", string(merged.Content()), string(again.Content()))
	})
}

// within is a policy that says something of one path.
func within(path, text string) string {
	for _, key := range slices.Backward(strings.Split(path, "/")) {
		text = fmt.Sprintf(`{%q:%s}`, key, text)
	}
	return text
}

func says(e *inheritance.Element, path string, operator inheritance.Operator, value string) bool {
	for _, key := range strings.Split(path, "/") {
		if e = e.Child(key); e == nil {
			return false
		}
	}
	return slices.ContainsFunc(e.Operations, func(o inheritance.Operation) bool {
		return o.Operator == operator && slices.ContainsFunc(o.Values, func(v inheritance.Scalar) bool { return v.Text == value })
	})
}

// modelNode is a node of the model: plain, mutable and slow.
type modelNode struct {
	allowed  inheritance.Operators
	values   []string
	list     bool
	has      bool
	children map[string]*modelNode
}

// model merges by the rules as doc.go tells them, on a copy of what was before each level.
func model(levels [][]inheritance.Attached) string {
	root := &modelNode{allowed: inheritance.All, children: map[string]*modelNode{}}
	for _, level := range levels {
		var elements []*inheritance.Element
		for _, a := range level {
			elements = append(elements, a.Policy.Root)
		}
		root.merge(elements)
	}
	return string(mustJSON(root.plain()))
}

func (n *modelNode) merge(elements []*inheritance.Element) {
	above := n.allowed
	assignedHere := false
	for _, operator := range []inheritance.Operator{inheritance.Assign, inheritance.Append, inheritance.Remove} {
		for _, e := range elements {
			for _, o := range e.Operations {
				switch {
				case o.Operator != operator || !above.Has(operator):
				case operator == inheritance.Assign && !assignedHere:
					n.values, n.list, n.has, assignedHere = nil, o.List, true, true
					n.add(o)
				case operator == inheritance.Append:
					n.list, n.has = true, true
					n.add(o)
				case operator == inheritance.Remove:
					for _, v := range o.Values {
						n.values = slices.DeleteFunc(n.values, func(has string) bool { return has == v.Text })
					}
				}
			}
		}
	}
	below := map[string][]*inheritance.Element{}
	for _, e := range elements {
		if e.Control != nil {
			n.allowed &= e.Control.Allowed
		}
		for _, c := range e.Children {
			below[c.Key] = append(below[c.Key], c)
		}
	}
	for key, children := range below {
		if n.children[key] == nil {
			if !above.Has(inheritance.Assign) && !above.Has(inheritance.Append) {
				continue
			}
			n.children[key] = &modelNode{allowed: inheritance.All, children: map[string]*modelNode{}}
		}
		n.children[key].merge(children)
	}
}

func (n *modelNode) add(o inheritance.Operation) {
	for _, v := range o.Values {
		if !slices.Contains(n.values, v.Text) {
			n.values = append(n.values, v.Text)
		}
	}
}

// plain is the node as encoding/json prints it, nil if it is empty.
func (n *modelNode) plain() any {
	if n.has && n.list {
		return append([]string{}, n.values...)
	}
	if n.has {
		return n.values[0]
	}
	all := map[string]any{}
	for key, c := range n.children {
		if c.has || len(c.children) > 0 {
			if p := c.plain(); fmt.Sprint(p) != "map[]" {
				all[key] = p
			}
		}
	}
	return all
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
