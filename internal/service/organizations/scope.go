package organizations

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// member reads the caller's organization, for what every account of it may do.
func member(ctx context.Context, tx *state.Tx, c *api.Caller) (state.Organization, error) {
	o, err := tx.OrganizationOfAccount(ctx, c.AccountID)
	if errors.Is(err, state.ErrNotFound) {
		return o, notInUse()
	}
	return o, err
}

// memberAccount reads an account of the organization.
func memberAccount(ctx context.Context, tx *state.Tx, o state.Organization, id string) (state.Account, error) {
	a, err := tx.Account(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && a.OrganizationID != o.ID {
		return a, accountNotFound()
	}
	return a, err
}

// findParent refuses a parent that is neither the root nor a unit.
func findParent(ctx context.Context, tx *state.Tx, o state.Organization, id string, missing error) error {
	if id == o.RootID {
		return nil
	}
	_, err := tx.OrganizationalUnit(ctx, o.ID, id)
	if errors.Is(err, state.ErrNotFound) {
		return missing
	}
	return err
}

var (
	accountPattern   = regexp.MustCompile(`^\d{12}$`)
	rootPattern      = regexp.MustCompile(`^r-[0-9a-z]{4,32}$`)
	targetPattern    = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
	policyPattern    = regexp.MustCompile(`^p-[0-9a-zA-Z_]{8,128}$`)
	anything         = regexp.MustCompile(``)
	parentPattern    = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
	unitPattern      = regexp.MustCompile(`^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$`)
	handshakePattern = regexp.MustCompile(`^h-[0-9a-z]{8,32}$`)
	requestPattern   = regexp.MustCompile(`^car-[a-z0-9]{8,32}$`)
	emailPattern     = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)
	namePattern      = regexp.MustCompile(`^[ -~]{1,50}$`)
	// The names of policies and units may be in any script.
	policyNamePattern = regexp.MustCompile(`^[\s\S]{1,128}$`)
	unitNamePattern   = regexp.MustCompile(`^[\s\S]{1,128}$`)
	rolePattern       = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	servicePattern    = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
)

// want refuses a value that is missing or does not match.
func want(field string, value *string, pattern *regexp.Regexp) error {
	if aws.ToString(value) == "" {
		return invalidInput("INPUT_REQUIRED", "You must specify a value for %s.", field)
	}
	if !pattern.MatchString(*value) {
		return invalidInput("INVALID_PATTERN", "You provided a value that does not match the required pattern: %s.", field)
	}
	return nil
}

const largestPage = 20

// cut takes the page that the input of a List operation asks for out of items sorted by key.
func cut[T any](s *Service, c *api.Caller, in any, items []T, key func(T) string) ([]T, *string, error) {
	return cutAt(s, c, in, largestPage, items, key)
}

// cutAt is cut with another size of a page.
func cutAt[T any](s *Service, c *api.Caller, in any, limit int, items []T, key func(T) string) ([]T, *string, error) {
	if asked, _ := api.FieldValue(in, "MaxResults").(*int32); asked != nil {
		switch {
		case *asked < 1:
			return nil, nil, invalidInput("MIN_VALUE_EXCEEDED", "You provided a value for MaxResults that is smaller than 1.")
		case int(*asked) > limit:
			return nil, nil, invalidInput("MAX_VALUE_EXCEEDED", "You provided a value for MaxResults that is greater than %d.", limit)
		}
		limit = int(*asked)
	}
	scope := strings.Join([]string{"organizations", c.AccountID, api.OperationName(in), api.Field(in, "ParentId"), api.Field(in, "ResourceId"), api.Field(in, "PolicyId"), api.Field(in, "TargetId"), api.Field(in, "AccountId"), api.Field(in, "ServicePrincipal"), string(policyTypeIn(in))}, "\n")
	token, _ := api.FieldValue(in, "NextToken").(*string)
	after, err := s.Pages.After(scope, token, "InvalidInputException")
	if err != nil {
		return nil, nil, invalidInput("INVALID_NEXT_TOKEN", "You provided an invalid NextToken.")
	}
	kept, next := page.Slice(items, after, limit, key)
	return kept, s.Pages.Next(scope, next), nil
}

// byDate is a key that sorts by date first.
func byDate(at state.Micros, id string) string { return fmt.Sprintf("%020d/%s", at, id) }
