package rds

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"strongroom/internal/api"
)

// metadata reads restore metadata by name, in any case, and notes what is not well with it. Values are strings; lists are JSON.
type metadata struct {
	values map[string]string // by name in lower case
	names  map[string]string // as they were given, by name in lower case
	read   map[string]bool
	err    error
}

func readMetadata(given map[string]string) *metadata {
	m := &metadata{values: map[string]string{}, names: map[string]string{}, read: map[string]bool{}}
	for name, value := range given {
		lower := strings.ToLower(name)
		m.names[lower] = name
		if value != "" && value != "null" {
			m.values[lower] = value
		}
	}
	return m
}

// text is a value, nil if there is none.
func (m *metadata) text(name string) *string {
	lower := strings.ToLower(name)
	m.read[lower] = true
	value, given := m.values[lower]
	if !given {
		return nil
	}
	return &value
}

// required is a value that must be there.
func (m *metadata) required(name string) *string {
	value := m.text(name)
	if value == nil {
		m.fail(api.Errorf("MissingParameterValueException", "Missing required restore metadata: %s", name))
	}
	return value
}

func (m *metadata) flag(name string) *bool {
	value := m.text(name)
	if value == nil {
		return nil
	}
	flag, err := strconv.ParseBool(*value)
	m.invalid(name, err)
	return &flag
}

func (m *metadata) number(name string) *int32 {
	value := m.text(name)
	if value == nil {
		return nil
	}
	number, err := strconv.ParseInt(*value, 10, 32)
	m.invalid(name, err)
	short := int32(number)
	return &short
}

func (m *metadata) long(name string) *int64 {
	value := m.text(name)
	if value == nil {
		return nil
	}
	number, err := strconv.ParseInt(*value, 10, 64)
	m.invalid(name, err)
	return &number
}

// list is a list in JSON.
func (m *metadata) list(name string) (list []string) {
	value := m.text(name)
	if value == nil {
		return nil
	}
	m.invalid(name, json.Unmarshal([]byte(*value), &list))
	return list
}

// told accepts names whose values only inform.
func (m *metadata) told(names ...string) {
	for _, name := range names {
		m.read[strings.ToLower(name)] = true
	}
}

func (m *metadata) invalid(name string, err error) {
	if err != nil {
		m.fail(api.Errorf("InvalidParameterValueException", "Invalid restore metadata: %s", name))
	}
}

func (m *metadata) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// end is the first thing that is not well, among them names that nobody read.
func (m *metadata) end() error {
	if m.err != nil {
		return m.err
	}
	for _, lower := range sortedKeys(m.names) {
		if !m.read[lower] {
			m.invalid(m.names[lower], errors.New("unknown"))
		}
	}
	return m.err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
