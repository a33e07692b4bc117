package copier

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// A Vault is a backup vault, told by its ARN.
type Vault struct {
	ARN, Region, Account, Name string
}

// ParseVault reads the ARN of a vault.
func ParseVault(text string) (Vault, error) {
	a, err := arn.Parse(text)
	name, isVault := strings.CutPrefix(a.Resource, "backup-vault:")
	if err != nil || a.Service != "backup" || !isVault || name == "" || a.Region == "" || a.AccountID == "" {
		return Vault{}, fmt.Errorf("%q is not the ARN of a backup vault, such as arn:aws:backup:eu-north-1:222222222222:backup-vault:final", text)
	}
	return Vault{ARN: text, Region: a.Region, Account: a.AccountID, Name: name}, nil
}

func (v Vault) String() string { return v.ARN }
