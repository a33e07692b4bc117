// Package tagging is the Resource Groups Tagging API: it lists what is tagged over all services of an account and Region,
// and tags it. It keeps nothing itself; each service that has tags is a [Provider].
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/overview.html
package tagging

import (
	"context"
	"net/http"
	"slices"
	"strings"

	tags "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/page"
)

// Tagged is a resource and its tags.
type Tagged struct {
	ARN  string
	Tags map[string]string
}

// Provider is a service whose resources have tags.
type Provider interface {
	// ResourceTypes are the types of resources that the provider has, as ResourceTypeFilters names them: "ec2:volume",
	// "kms:key", "s3:bucket". An ARN belongs to the provider that has its type.
	ResourceTypes() []string
	// List returns the resources of an account and Region; those without tags may be left out.
	List(ctx context.Context, accountID, region string) ([]Tagged, error)
	// Tag adds tags to a resource as the caller, who is authorized for it, and replaces those of the same names.
	Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error
	// Untag removes tags from a resource as the caller.
	Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error
}

// Config is what a [Service] needs.
type Config struct {
	Providers []Provider
	Pages     *page.Sealer
}

// Service answers for the tagging API in every account and Region.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service { return &Service{c} }

// API is the table of the service's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:               "tagging",
		EventSource:        "tagging.amazonaws.com",
		AccessDenied:       "AccessDeniedException",
		AccessDeniedStatus: http.StatusBadRequest,
		Authorization:      authorization,
		Operations: []api.Operation{
			api.Op("", s.GetResources, anyResource[tags.GetResourcesInput]("GetResources")),
			api.Op("", s.GetTagKeys, anyResource[tags.GetTagKeysInput]("GetTagKeys")),
			api.Op("", s.GetTagValues, anyResource[tags.GetTagValuesInput]("GetTagValues")),
			api.Op("", s.TagResources, anyResource[tags.TagResourcesInput]("TagResources")),
			api.Op("", s.UntagResources, anyResource[tags.UntagResourcesInput]("UntagResources")),
		},
	}
}

// anyResource is the access that every operation needs; what it does to resources their services ask for.
func anyResource[In any](operation string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "tag:" + operation, Resource: "*"}}, nil
	}
}

// all lists the tagged resources of an account and Region by ARN. With type filters it asks only the providers of those.
func (s *Service) all(ctx context.Context, c *api.Caller, filters []string) ([]Tagged, error) {
	var found []Tagged
	for _, p := range s.Providers {
		if len(filters) > 0 && !slices.ContainsFunc(p.ResourceTypes(), func(t string) bool { return isOf(t, filters) }) {
			continue
		}
		listed, err := p.List(ctx, c.AccountID, c.Region)
		if err != nil {
			return nil, err
		}
		for _, r := range listed {
			if len(r.Tags) > 0 && (len(filters) == 0 || isOf(typeOf(r.ARN), filters)) {
				found = append(found, r)
			}
		}
	}
	slices.SortFunc(found, func(a, b Tagged) int { return strings.Compare(a.ARN, b.ARN) })
	return found, nil
}

// isOf reports whether one of the filters, a service ("ec2") or a type ("ec2:volume"), takes in a type.
func isOf(resourceType string, filters []string) bool {
	service, _, _ := strings.Cut(resourceType, ":")
	return slices.Contains(filters, resourceType) || slices.Contains(filters, service)
}

// typeOf is the type of a resource by its ARN.
func typeOf(resource string) string {
	a, err := arn.Parse(resource)
	if err != nil {
		return ""
	}
	kind, _ := a.Split()
	if a.Service == "s3" && kind == "" {
		kind = "bucket"
	}
	return a.Service + ":" + kind
}

// providerOf returns the provider of a resource, or nil.
func (s *Service) providerOf(resource string) Provider {
	for _, p := range s.Providers {
		if slices.Contains(p.ResourceTypes(), typeOf(resource)) {
			return p
		}
	}
	return nil
}

func errParameter(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterException", format, args...)
}

func scope(c *api.Caller, operation string, more ...string) string {
	return strings.Join(append([]string{"tagging", operation, c.AccountID, c.Region}, more...), "\x00")
}
