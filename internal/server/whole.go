package server

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// checkWhole refuses fractions where the configuration takes whole numbers: the decoder would cut off what is behind the point, and
// whoever wrote 1.5 would have 1.
func checkWhole(n *yaml.Node, of reflect.Type, path string) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return checkWhole(n.Alias, of, path)
	case of.Kind() == reflect.Pointer:
		return checkWhole(n, of.Elem(), path)
	case n.Kind == yaml.DocumentNode:
		for _, inner := range n.Content {
			if err := checkWhole(inner, of, path); err != nil {
				return err
			}
		}
	case n.Kind == yaml.ScalarNode && of.Kind() >= reflect.Int && of.Kind() <= reflect.Uint64 && n.ShortTag() == "!!float":
		return fmt.Errorf("line %d: %s is %s, which is not a whole number", n.Line, path, n.Value)
	case n.Kind == yaml.SequenceNode && of.Kind() == reflect.Slice:
		for i, inner := range n.Content {
			if err := checkWhole(inner, of.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			inner, ok := valueType(of, name)
			if !ok {
				continue // the decoder has refused what it does not know
			}
			if path != "" {
				name = path + "." + name
			}
			if err := checkWhole(n.Content[i+1], inner, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// valueType is the type of what a key of a mapping has.
func valueType(of reflect.Type, key string) (reflect.Type, bool) {
	switch of.Kind() {
	case reflect.Map:
		return of.Elem(), true
	case reflect.Struct:
		for i := range of.NumField() {
			if name, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ","); name == key {
				return of.Field(i).Type, true
			}
		}
	}
	return nil, false
}
