package s3

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"strongroom/iampolicy"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// malformedPolicy is what S3 says of a document that the policy language does not take.
func malformedPolicy(err error) string {
	if e, ok := errors.AsType[*iampolicy.ValidationError](err); ok {
		return e.Message
	}
	return "Policies must be valid JSON and the first byte must be '{'"
}

// policyResources holds every resource of a bucket's policy against the bucket: a policy speaks of its own alone.
func policyResources(p *iampolicy.Policy, bucket string) error {
	arn := bucketARN(bucket)
	for _, statement := range p.Statements {
		for _, resource := range append(append([]string(nil), statement.Resources...), statement.NotResources...) {
			if resource != arn && !strings.HasPrefix(resource, arn+"/") && resource != arn+"*" && !strings.ContainsAny(strings.SplitN(resource, "/", 2)[0], "*?") {
				return failure(400, "MalformedPolicy", "Policy has invalid resource")
			}
		}
	}
	return nil
}

// isPublic reports whether a policy allows something to everybody without a condition that narrows it.
func isPublic(p *iampolicy.Policy) bool {
	for _, statement := range p.Statements {
		if statement.Effect == iampolicy.Allow && len(statement.Conditions) == 0 && everybody(statement) {
			return true
		}
	}
	return false
}

func everybody(statement iampolicy.Statement) bool {
	if statement.NotPrincipal != nil {
		return true
	}
	return statement.Principal != nil && (statement.Principal.Everyone || slices.Contains(statement.Principal.AWS, "*"))
}
