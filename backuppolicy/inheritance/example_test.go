package inheritance_test

import (
	"fmt"
	"log"

	"strongroom/backuppolicy/inheritance"
)

// What the accounts of a unit have in common is merged once.
func ExampleMerged_Extend() {
	parse := func(content string) *inheritance.Document {
		document, err := inheritance.Parse(content, inheritance.FoldAll)
		if err != nil {
			log.Fatal(err)
		}
		return document
	}
	unit := inheritance.Merge([][]inheritance.Attached{
		{{PolicyID: "p-1", TargetID: "r-root", Policy: parse(`{"tags": {"Project": {"tag_value": {"@@assign": ["one"]}}}}`)}},
	})
	account := unit.Extend([]inheritance.Attached{
		{PolicyID: "p-2", TargetID: "111111111111", Policy: parse(`{"tags": {"project": {"tag_value": {"@@append": ["two"]}}}}`)},
	})
	fmt.Println(string(unit.Content()))
	fmt.Println(string(account.Content()))
	// Output:
	// {"tags":{"project":{"tag_value":["one"]}}}
	// {"tags":{"project":{"tag_value":["one","two"]}}}
}
