// Package arn parses and prints Amazon Resource Names, the names that every policy, vault and recovery point is known by.
//
// It knows the general shape only (arn:partition:service:region:account:resource); which services and resources exist
// is the business of the packages above it.
package arn

import (
	"errors"
	"strings"
)

// ARN is one Amazon Resource Name in its six parts. Region and AccountID are empty where the resource has none:
// arn:aws:s3:::bucket has neither, an EBS snapshot's ARN has no account.
type ARN struct {
	Partition string
	Service   string
	Region    string
	AccountID string
	Resource  string // everything behind the fifth colon, colons and slashes included
}

// ErrMalformed is wrapped by every error of [Parse].
var ErrMalformed = errors.New("malformed ARN")

type parseError struct{ text, reason string }

func (e *parseError) Error() string { return "malformed ARN " + e.text + ": " + e.reason }
func (e *parseError) Unwrap() error { return ErrMalformed }

// Parse splits text into its parts. What it accepts prints back to the same bytes by [ARN.String].
func Parse(text string) (ARN, error) {
	parts := strings.SplitN(text, ":", 6)
	switch {
	case len(parts) < 6:
		return ARN{}, &parseError{text, "six parts are needed"}
	case parts[0] != "arn":
		return ARN{}, &parseError{text, "it does not begin with arn:"}
	case parts[1] == "":
		return ARN{}, &parseError{text, "the partition is empty"}
	case parts[2] == "":
		return ARN{}, &parseError{text, "the service is empty"}
	case parts[5] == "":
		return ARN{}, &parseError{text, "the resource is empty"}
	}
	return ARN{Partition: parts[1], Service: parts[2], Region: parts[3], AccountID: parts[4], Resource: parts[5]}, nil
}

// New names a resource of the aws partition.
func New(service, region, accountID, resource string) ARN {
	return ARN{Partition: "aws", Service: service, Region: region, AccountID: accountID, Resource: resource}
}

// String prints the ARN.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.AccountID + ":" + a.Resource
}

// IsZero reports whether a is the empty ARN.
func (a ARN) IsZero() bool { return a == ARN{} }

// Split cuts the resource at its first slash or colon into type and id: "role" and "service-role/x" of
// role/service-role/x, "backup-vault" and "v" of backup-vault:v. A resource without either (a bucket) has an empty type.
func (a ARN) Split() (kind, id string) {
	i := strings.IndexAny(a.Resource, "/:")
	if i < 0 {
		return "", a.Resource
	}
	return a.Resource[:i], a.Resource[i+1:]
}
