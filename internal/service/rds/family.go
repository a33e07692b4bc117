package rds

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"strongroom/internal/state"
)

// family is what a parameter group is for: the databases of an engine's major version.
type family struct {
	engine string // as RDS names it
	major  string
	table  string // of its parameters, see [parameters]
	kinds  []string
}

func (f family) name() string { return f.engine + f.major }

// told reports whether the server itself tells the major version.
func (f family) told() bool { return f.table == "postgres" || f.engine == "mariadb" }

// engineFamilies are the engines of this house in the order of their names, with the major version that Debian 12 has of them:
// where the server itself tells its version, that one counts. MySQL's and Aurora's own numbers do not come from a server here.
var engineFamilies = []family{
	{"aurora-mysql", "8.0", "mariadb", []string{state.InstanceParameters, state.ClusterParameters}},
	{"aurora-postgresql", "15", "postgres", []string{state.InstanceParameters, state.ClusterParameters}},
	{"docdb", "5.0", "docdb", []string{state.ClusterParameters}},
	{"mariadb", "10.11", "mariadb", []string{state.InstanceParameters}},
	{"mysql", "8.0", "mariadb", []string{state.InstanceParameters}},
	{"neptune", "1.3", "neptune", []string{state.InstanceParameters, state.ClusterParameters}},
	{"postgres", "15", "postgres", []string{state.InstanceParameters}},
}

// standsIn reports whether another server serves an engine's databases here, so that its version is not one of the engine's.
func standsIn(engine string) bool {
	return slices.ContainsFunc(engineFamilies, func(f family) bool { return f.engine == engine && !f.told() })
}

// families are the engines' families on this host.
func (s *Service) families(ctx context.Context) []family {
	all := slices.Clone(engineFamilies)
	for i, f := range all {
		version, err := s.Fleet.Version(ctx, f.engine)
		if err == nil && f.told() {
			all[i].major = major(f.engine, version)
		}
	}
	return all
}

func (s *Service) family(ctx context.Context, kind, name string) (family, bool) {
	for _, f := range s.families(ctx) {
		if f.name() == name && slices.Contains(f.kinds, kind) {
			return f, true
		}
	}
	return family{}, false
}

// parameter is one of a family's parameters.
type parameter struct {
	name       string
	kind       string // string, list, boolean, integer, float
	static     bool   // takes effect with a start only
	modifiable bool
	allowed    string // "1-100", "on,off"; "" for any text
	preset     string // by the engine
}

//go:embed parameters/*.txt
var parameterFiles embed.FS

var parameterTables sync.Map // name → func() []parameter

// parameters are those of a table, by name.
func parameters(table string) []parameter {
	load, ok := parameterTables.Load(table)
	if !ok {
		load, _ = parameterTables.LoadOrStore(table, sync.OnceValue(func() []parameter { return readParameters(table) }))
	}
	return load.(func() []parameter)()
}

func readParameters(table string) []parameter {
	data, err := parameterFiles.ReadFile("parameters/" + table + ".txt")
	if err != nil {
		panic(err) // it is part of the program
	}
	var all []parameter
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(words) != 6 {
			panic(fmt.Sprintf("a line of parameters/%s.txt has %d words, not 6: %q", table, len(words), line))
		}
		all = append(all, parameter{words[0], words[1], words[2] == "static", words[3] == "1", words[4], words[5]})
	}
	slices.SortFunc(all, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	return all
}

func (f family) parameter(name string) (parameter, bool) {
	all := parameters(f.table)
	i, found := slices.BinarySearchFunc(all, name, func(p parameter, name string) int { return strings.Compare(p.name, name) })
	if !found {
		return parameter{}, false
	}
	return all[i], true
}

// check refuses a value that the parameter cannot have.
func (p parameter) check(value string) error {
	if !p.modifiable {
		return errValue("The parameter %s cannot be modified.", p.name)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) || !p.takes(value) {
		return errValue("Invalid parameter value: %s for: %s allowed values are: %s", value, p.name, p.allowed)
	}
	return nil
}

func (p parameter) takes(value string) bool {
	switch {
	case p.kind == "integer" || p.kind == "float":
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || (p.kind == "integer" && strings.ContainsAny(value, ".eExXnNiI")) {
			return false
		}
		low, high, bounded := cutRange(p.allowed)
		return !bounded || (number >= low && number <= high)
	case p.allowed == "":
		return true
	case p.kind == "list":
		return !slices.ContainsFunc(strings.Split(value, ","), func(v string) bool { return v != "" && !p.lists(v) })
	}
	return p.lists(value)
}

func (p parameter) lists(value string) bool {
	return slices.ContainsFunc(strings.Split(p.allowed, ","), func(v string) bool { return strings.EqualFold(v, value) })
}

// cutRange reads "-1-100".
func cutRange(text string) (low, high float64, ok bool) {
	at := strings.Index(text[min(1, len(text)):], "-") + 1
	if at <= 0 {
		return 0, 0, false
	}
	low, err := strconv.ParseFloat(text[:at], 64)
	if err != nil {
		return 0, 0, false
	}
	high, err = strconv.ParseFloat(text[at+1:], 64)
	return low, high, err == nil
}
