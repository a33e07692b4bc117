package iam

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"strongroom/internal/state"
)

//go:embed managed
var managedFiles embed.FS

const awsPolicyPrefix = "arn:aws:iam::aws:policy/"

// awsPolicy is a policy that AWS manages, in the version that it has at AWS.
type awsPolicy struct {
	Description string
	Version     string
	Created     date
	Updated     date
	Document    json.RawMessage

	arn, name, path, id string
}

// date is a day as the files write it: 2006-01-02.
type date time.Time

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	*d = date(t)
	return err
}

// awsPolicies are all of them by ARN. A file that does not read is a mistake in the program, so it panics.
var awsPolicies = sync.OnceValue(func() map[string]*awsPolicy {
	all := map[string]*awsPolicy{}
	err := fs.WalkDir(managedFiles, "managed", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := managedFiles.ReadFile(file)
		if err != nil {
			return err
		}
		p := &awsPolicy{}
		if err := json.Unmarshal(text, p); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "managed/"), ".json")
		p.arn = awsPolicyPrefix + name
		i := strings.LastIndexByte(name, '/')
		p.path, p.name = "/"+name[:i+1], name[i+1:]
		sum := sha256.Sum256([]byte(p.arn))
		p.id = policyPrefix + base32.StdEncoding.EncodeToString(sum[:])[:uniqueIDLength]
		all[p.arn] = p
		return nil
	})
	if err != nil {
		panic("iam: reading the managed policies: " + err.Error())
	}
	return all
})

// managed is a managed policy in force: of AWS, or of a customer in its default version.
type managed struct {
	name, document string
}

// managedPolicy reads the policy that the account means by arn: one of its own or of AWS.
func managedPolicy(ctx context.Context, tx *state.Tx, accountID, arn string) (managed, error) {
	if p := awsPolicies()[arn]; p != nil {
		return managed{p.name, string(p.Document)}, nil
	}
	p, err := tx.Policy(ctx, arn)
	if errors.Is(err, state.ErrNotFound) || err == nil && p.AccountID != accountID {
		return managed{}, noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if err != nil {
		return managed{}, err
	}
	v, err := tx.PolicyVersion(ctx, arn, p.DefaultVersion)
	return managed{p.Name, v.Document}, err
}
