package api

import (
	"reflect"
	"strings"
)

// OperationName is the name of the operation whose input in is: "CreateRole" of a *iam.CreateRoleInput.
func OperationName(in any) string {
	return operationName(reflect.TypeOf(in).Elem())
}

func operationName(input reflect.Type) string { return strings.TrimSuffix(input.Name(), "Input") }

// Field reads a text field of an input, for what is alike in many operations; "" where it is not set, or where the
// input has none of that name.
func Field(in any, name string) string {
	if text, _ := FieldValue(in, name).(*string); text != nil {
		return *text
	}
	return ""
}

// FieldValue reads a field of an input; nil where it has none of that name.
func FieldValue(in any, name string) any {
	f := reflect.Indirect(reflect.ValueOf(in)).FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	return f.Interface()
}
