package rds

import (
	"cmp"
	"strings"

	"strongroom/arn"
	"strongroom/internal/api"
)

// named is the question to the policies where what a call is about could not be looked up, or is not valid: they are asked about
// what it names, so that nobody learns what there is who may not know. The error is the operation's own to answer.
func named(err error, action, resource string) ([]api.Access, error) {
	if api.Code(err) == "" {
		return nil, err
	}
	return []api.Access{{Action: action, Resource: resource}}, nil
}

// nameOf is the ARN of what a call names by its identifier or by its ARN; kind is db, snapshot and so on.
func nameOf(c *api.Caller, kind string, given *string) string {
	if a, err := arn.Parse(deref(given)); err == nil && a.Service == "rds" {
		return a.String()
	}
	return arn.New("rds", c.Region, c.AccountID, kind+":"+cmp.Or(strings.ToLower(deref(given)), "*")).String()
}
