package policylint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// Organization is a tree of units and accounts with the policies attached to them, as a file tells it.
type Organization struct {
	accounts map[string]placed
	ids      []string // in the order of the file
}

// placed is an account in its place.
type placed struct {
	account
	path   []string // names of the root, the units and the account
	levels [][]inheritance.Attached
}

// tree is the file: YAML, of which JSON is a part.
type tree struct {
	Root unit `yaml:"root"`
}

type unit struct {
	Name     string    `yaml:"name"`
	Policies []string  `yaml:"policies"` // files, from the tree's own folder, in the order of attachment
	Units    []unit    `yaml:"units"`
	Accounts []account `yaml:"accounts"`
}

type account struct {
	ID       string   `yaml:"id"`
	Name     string   `yaml:"name"`
	Policies []string `yaml:"policies"`
}

// Limits of an organization: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html.
const (
	maxDepth    = 5
	maxAttached = 10
)

var accountID = regexp.MustCompile(`^\d{12}$`)

// LoadOrganization reads a tree and the policies that it names.
func LoadOrganization(file string) (*Organization, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var t tree
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&t); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty; it needs root")
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	l := loader{folder: filepath.Dir(file), policies: map[string]*backuppolicy.Policy{}}
	l.accounts = map[string]placed{}
	if t.Root.Name == "" {
		t.Root.Name = "root"
	}
	if err := l.unit(t.Root, nil, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &l.Organization, nil
}

type loader struct {
	Organization
	folder   string
	policies map[string]*backuppolicy.Policy
}

func (l *loader) unit(u unit, path []string, above [][]inheritance.Attached) error {
	path = append(path[:len(path):len(path)], u.Name)
	where := strings.Join(path, "/")
	if u.Name == "" {
		return fmt.Errorf("a unit below %s has no name", strings.Join(path[:len(path)-1], "/"))
	}
	if len(path) > maxDepth+1 {
		return fmt.Errorf("%s: units may stand %d deep below the root", where, maxDepth)
	}
	level, err := l.attach(where, u.Policies)
	if err != nil {
		return err
	}
	levels := append(above[:len(above):len(above)], level)
	for _, a := range u.Accounts {
		if !accountID.MatchString(a.ID) {
			return fmt.Errorf("%s: an account's id has 12 digits, not %q", where, a.ID)
		}
		if _, twice := l.accounts[a.ID]; twice {
			return fmt.Errorf("%s: account %s stands in the tree twice", where, a.ID)
		}
		own, err := l.attach(a.ID, a.Policies)
		if err != nil {
			return err
		}
		l.accounts[a.ID] = placed{a, append(path[:len(path):len(path)], a.ID), append(levels[:len(levels):len(levels)], own)}
		l.ids = append(l.ids, a.ID)
	}
	for _, below := range u.Units {
		if err := l.unit(below, path, levels); err != nil {
			return err
		}
	}
	return nil
}

// attach loads policies and attaches them to a place.
func (l *loader) attach(where string, files []string) ([]inheritance.Attached, error) {
	if len(files) > maxAttached {
		return nil, fmt.Errorf("%s: %d policies are attached, and %d may be", where, len(files), maxAttached)
	}
	var level []inheritance.Attached
	for _, file := range files {
		policy := l.policies[file]
		if policy == nil {
			path := file
			if !filepath.IsAbs(path) {
				path = filepath.Join(l.folder, path)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			if policy, err = backuppolicy.Parse(string(text)); err != nil {
				return nil, fmt.Errorf("%s: policy %s: %w", where, file, err)
			}
			l.policies[file] = policy
		}
		level = append(level, inheritance.Attached{PolicyID: file, Name: file, TargetID: where, Policy: policy.Document()})
	}
	return level, nil
}

// IDs are the accounts in the order of the file.
func (o *Organization) IDs() []string { return o.ids }
