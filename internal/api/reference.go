package api

import (
	"fmt"
	"slices"
	"strings"
)

// Reference is what AWS's service authorization reference says of one prefix of actions, such as "backup": which actions
// there are, on which types of resources they work, and which condition keys a request for them may have. Each service
// keeps it beside its operations in authorization.txt, one fact a line:
//
//	service backup https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbackup.html
//	resource backupVault arn:${Partition}:backup:${Region}:${Account}:backup-vault:${BackupVaultName}
//		aws:ResourceTag/${TagKey}
//	action CreateBackupVault Write backupVault
//		aws:RequestTag/${TagKey} aws:TagKeys
//	operation CreateBackupVault backup:CreateBackupVault backup-storage:MountCapsule
//
// The last is needed only where an operation asks for other actions than the one of its name. The indented lines are condition keys; those of an action come on top of those of its types of resources. A minus sign
// before a key says that the house does not supply it, so that a policy that asks for it finds it missing. Several
// services may share a file, lines that begin with # are comments, and a type may have several forms of ARN.
type Reference struct {
	Prefix  string // "backup"
	URL     string // of the page that says it
	Types   []*ResourceType
	Actions []*Action

	byName     map[string]*Action  // by Name in lower case
	operations map[string][]string // actions with their prefix, by operation; of a file's first reference
}

// ResourceType is a kind of resource that policies name.
type ResourceType struct {
	Name string   // "backupVault"
	ARNs []string // its forms, with ${…} where a part of a name stands
	Keys []Key    // that a request on such a resource may have
}

// Action is what policies allow or deny.
type Action struct {
	Name  string // "CreateBackupVault"
	Level string // List, Read, Write, Tagging or Permissions
	Types []*ResourceType
	Keys  []Key // beside those of its Types
}

// Key is a condition key.
type Key struct {
	Name       string // as the reference spells it: "aws:ResourceTag/${TagKey}"
	Unsupplied bool   // the house never has a value for it
}

// matches reports whether name, as a request has it, is the key: "aws:ResourceTag/team" is aws:ResourceTag/${TagKey}.
func (k Key) matches(name string) bool {
	if stem, _, open := strings.Cut(k.Name, "${"); open {
		return len(name) > len(stem) && strings.EqualFold(name[:len(stem)], stem)
	}
	return strings.EqualFold(name, k.Name)
}

// AllKeys are the keys of the action and of its types of resources, each once, sorted.
func (a *Action) AllKeys() []Key {
	all := slices.Clone(a.Keys)
	for _, t := range a.Types {
		for _, key := range t.Keys {
			if !slices.ContainsFunc(all, func(k Key) bool { return k.Name == key.Name }) {
				all = append(all, key)
			}
		}
	}
	slices.SortFunc(all, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// key finds the declared key of a name.
func (a *Action) key(name string) (Key, bool) {
	is := func(k Key) bool { return k.matches(name) }
	if i := slices.IndexFunc(a.Keys, is); i >= 0 {
		return a.Keys[i], true
	}
	for _, t := range a.Types {
		if i := slices.IndexFunc(t.Keys, is); i >= 0 {
			return t.Keys[i], true
		}
	}
	return Key{}, false
}

// knows reports whether some action or type of the reference has the key.
func (r *Reference) knows(name string) bool {
	has := func(keys []Key) bool { return slices.ContainsFunc(keys, func(k Key) bool { return k.matches(name) }) }
	return slices.ContainsFunc(r.Actions, func(a *Action) bool { return has(a.Keys) }) ||
		slices.ContainsFunc(r.Types, func(t *ResourceType) bool { return has(t.Keys) })
}

// takes reports whether the action can be asked for on resource: an ARN of one of its types, or "*".
func (a *Action) takes(resource string) bool {
	if resource == "*" {
		return true
	}
	for _, t := range a.Types {
		if slices.ContainsFunc(t.ARNs, func(form string) bool { return fits(form, resource) }) {
			return true
		}
	}
	return false
}

// fits reports whether resource is an ARN of a form: ${…} stands for one character at least, but for no colon within
// the first five parts.
func fits(form, resource string) bool {
	for part := range 6 {
		wanted, restOfForm, _ := strings.Cut(form, ":")
		got, rest, _ := strings.Cut(resource, ":")
		if part == 5 {
			return fitsPart(form, resource)
		}
		if !fitsPart(wanted, got) {
			return false
		}
		form, resource = restOfForm, rest
	}
	return false
}

func fitsPart(form, text string) bool {
	stem, rest, open := strings.Cut(form, "${")
	if !open {
		return form == text
	}
	text, ok := strings.CutPrefix(text, stem)
	if !ok || text == "" {
		return false
	}
	_, rest, _ = strings.Cut(rest, "}")
	if rest == "" {
		return true
	}
	for i := 1; i <= len(text); i++ {
		if fitsPart(rest, text[i:]) {
			return true
		}
	}
	return false
}

// ParseReference reads an authorization.txt.
func ParseReference(text string) ([]*Reference, error) {
	var (
		p    referenceParser
		line int
	)
	for text := range strings.Lines(text) {
		line++
		if err := p.line(strings.TrimRight(text, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return p.references, nil
}

type referenceParser struct {
	references []*Reference
	keys       *[]Key // that the next indented line adds to
}

func (p *referenceParser) line(text string) error {
	words := strings.Fields(text)
	if len(words) == 0 || words[0][0] == '#' {
		return nil
	}
	if text[0] == '\t' {
		if p.keys == nil {
			return fmt.Errorf("the keys %s belong to nothing", words)
		}
		for _, word := range words {
			name, unsupplied := strings.CutPrefix(word, "-")
			*p.keys = append(*p.keys, Key{Name: name, Unsupplied: unsupplied})
		}
		return nil
	}
	if len(words) < 3 {
		return fmt.Errorf("%q is too short", text)
	}
	if words[0] == "service" {
		p.keys = nil
		p.references = append(p.references, &Reference{Prefix: words[1], URL: words[2], byName: map[string]*Action{}, operations: map[string][]string{}})
		return nil
	}
	if len(p.references) == 0 {
		return fmt.Errorf("%q is of no service", text)
	}
	r := p.references[len(p.references)-1]
	switch words[0] {
	case "resource":
		t := &ResourceType{Name: words[1], ARNs: words[2:]}
		r.Types = append(r.Types, t)
		p.keys = &t.Keys
	case "action":
		a := &Action{Name: words[1], Level: words[2]}
		for _, name := range words[3:] {
			i := slices.IndexFunc(r.Types, func(t *ResourceType) bool { return t.Name == name })
			if i < 0 {
				return fmt.Errorf("%s is on an unknown type %s", words[1], name)
			}
			a.Types = append(a.Types, r.Types[i])
		}
		if r.byName[strings.ToLower(a.Name)] != nil {
			return fmt.Errorf("%s is told twice", a.Name)
		}
		r.Actions = append(r.Actions, a)
		r.byName[strings.ToLower(a.Name)] = a
		p.keys = &a.Keys
	case "operation":
		p.references[0].operations[words[1]] = words[2:]
		p.keys = nil
	default:
		return fmt.Errorf("%q begins with no known word", text)
	}
	return nil
}
