package arn_test

import (
	"fmt"

	"strongroom/arn"
)

func ExampleParse() {
	vault, err := arn.Parse("arn:aws:backup:eu-north-1:222222222222:backup-vault:central")
	if err != nil {
		fmt.Println(err)
		return
	}
	kind, name := vault.Split()
	fmt.Println(vault.AccountID, vault.Region, kind, name)
	// Output: 222222222222 eu-north-1 backup-vault central
}

func ExampleNew() {
	fmt.Println(arn.New("s3", "", "", "bucket/key"))
	// Output: arn:aws:s3:::bucket/key
}
