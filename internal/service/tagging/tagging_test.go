package tagging_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	tags "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/service/tagging"
	"strongroom/internal/wire"
)

const (
	account = "111111111111"
	region  = "eu-central-1"
)

// shelf is a provider that keeps tags in memory. It belongs to one account and Region.
type shelf struct {
	types []string
	mu    sync.Mutex
	tags  map[string]map[string]string
}

func (s *shelf) ResourceTypes() []string { return s.types }

func (s *shelf) List(_ context.Context, accountID, in string) ([]tagging.Tagged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []tagging.Tagged
	if accountID == account && in == region {
		for arn, t := range s.tags {
			all = append(all, tagging.Tagged{ARN: arn, Tags: maps.Clone(t)})
		}
	}
	return all, nil
}

func (s *shelf) Tag(_ context.Context, _ *api.Caller, resource string, t map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.tags[resource]
	switch {
	case strings.HasSuffix(resource, "broken"):
		return errors.New("the disk is full of secrets")
	case !ok:
		return api.Errorf("InvalidVolume.NotFound", "The volume does not exist.")
	}
	maps.Copy(have, t)
	return nil
}

func (s *shelf) Untag(_ context.Context, _ *api.Caller, resource string, keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		delete(s.tags[resource], key)
	}
	return nil
}

const (
	volume   = "arn:aws:ec2:eu-central-1:111111111111:volume/vol-1"
	snapshot = "arn:aws:ec2:eu-central-1::snapshot/snap-1"
	bare     = "arn:aws:ec2:eu-central-1:111111111111:volume/vol-2"
	bucket   = "arn:aws:s3:::photos"
)

// newClient is the SDK's client of a service over two shelves.
func newClient(t *testing.T) *tags.Client {
	t.Helper()
	return serve(t,
		&shelf{types: []string{"ec2:volume", "ec2:snapshot"}, tags: map[string]map[string]string{
			volume: {"backup": "simple", "team": "a"}, snapshot: {"backup": "cross-region"}, bare: {},
		}},
		&shelf{types: []string{"s3:bucket"}, tags: map[string]map[string]string{bucket: {"backup": "simple"}}},
	)
}

func serve(t *testing.T, providers ...tagging.Provider) *tags.Client {
	t.Helper()
	door := api.NewDoor(everyone{}, nobody{})
	door.Register(tagging.New(tagging.Config{Providers: providers, Pages: page.NewRandomSealer()}).API())
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: door, Credentials: key{}, Wall: clock.Wall}))
	t.Cleanup(server.Close)
	return tags.New(tags.Options{
		Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
	})
}

type everyone struct{}

func (everyone) Authorize(context.Context, *api.Caller, ...api.Access) error { return nil }

type nobody struct{}

func (nobody) Record(context.Context, *api.Record) {}

type key struct{}

func (key) Lookup(context.Context, string, string) (string, api.Caller, error) {
	return "secret", api.Caller{AccountID: account, ARN: "arn:aws:iam::" + account + ":user/u", UserID: "AIDA"}, nil
}

func arns(list []types.ResourceTagMapping) []string {
	names := []string{}
	for _, m := range list {
		names = append(names, *m.ResourceARN)
	}
	return names
}

func TestGetResources(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	filter := func(key string, values ...string) types.TagFilter { return types.TagFilter{Key: &key, Values: values} }
	for name, test := range map[string]struct {
		in   tags.GetResourcesInput
		want []string
	}{
		"all that is tagged":               {tags.GetResourcesInput{}, []string{volume, snapshot, bucket}},
		"a tag with one value":             {tags.GetResourcesInput{TagFilters: []types.TagFilter{filter("backup", "simple")}}, []string{volume, bucket}},
		"a tag with either value":          {tags.GetResourcesInput{TagFilters: []types.TagFilter{filter("backup", "simple", "cross-region")}}, []string{volume, snapshot, bucket}},
		"a tag with any value":             {tags.GetResourcesInput{TagFilters: []types.TagFilter{filter("team")}}, []string{volume}},
		"both tags":                        {tags.GetResourcesInput{TagFilters: []types.TagFilter{filter("team"), filter("backup", "cross-region")}}, []string{}},
		"values compare with case":         {tags.GetResourcesInput{TagFilters: []types.TagFilter{filter("backup", "Simple")}}, []string{}},
		"a service":                        {tags.GetResourcesInput{ResourceTypeFilters: []string{"ec2"}}, []string{volume, snapshot}},
		"a type":                           {tags.GetResourcesInput{ResourceTypeFilters: []string{"ec2:volume"}}, []string{volume}},
		"a type without a type in its ARN": {tags.GetResourcesInput{ResourceTypeFilters: []string{"s3:bucket"}}, []string{bucket}},
		"named":                            {tags.GetResourcesInput{ResourceARNList: []string{bucket, bare}}, []string{bucket}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := client.GetResources(t.Context(), &test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, arns(out.ResourceTagMappingList)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if *out.PaginationToken != "" {
				t.Errorf("the only page leads to %q", *out.PaginationToken)
			}
		})
	}
}

func TestGetResourcesInPages(t *testing.T) {
	t.Parallel()
	many := &shelf{types: []string{"ec2:volume"}, tags: map[string]map[string]string{}}
	var want []string
	for i := range 23 {
		arn := fmt.Sprintf("arn:aws:ec2:%s:%s:volume/vol-%02d", region, account, i)
		want = append(want, arn)
		many.tags[arn] = map[string]string{}
		for j := range 30 {
			many.tags[arn][fmt.Sprint("k", j)] = "v"
		}
	}
	client := serve(t, many)
	for name, in := range map[string]*tags.GetResourcesInput{
		"by resources": {ResourcesPerPage: new(int32(5))}, "by tags": {TagsPerPage: new(int32(100))},
	} {
		var got []string
		pages := 0
		for p := tags.NewGetResourcesPaginator(client, in); p.HasMorePages(); pages++ {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, arns(out.ResourceTagMappingList)...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if wantPages := map[string]int{"by resources": 5, "by tags": 8}[name]; pages != wantPages {
			t.Errorf("%s: %d pages, want %d", name, pages, wantPages)
		}
	}
}

func TestTagKeysAndValues(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	keys, err := client.GetTagKeys(t.Context(), &tags.GetTagKeysInput{})
	if err != nil {
		t.Fatal(err)
	}
	values, err := client.GetTagValues(t.Context(), &tags.GetTagValuesInput{Key: aws.String("backup")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"backup", "team", "|", "cross-region", "simple"}, slices.Concat(keys.TagKeys, []string{"|"}, values.TagValues)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTagValuesInPages(t *testing.T) {
	t.Parallel()
	many := &shelf{types: []string{"ec2:volume"}, tags: map[string]map[string]string{"arn:aws:ec2:r:1:volume/none": {"k": ""}}}
	for i := range 2500 {
		many.tags[fmt.Sprint("arn:aws:ec2:r:1:volume/", i)] = map[string]string{"k": fmt.Sprint(i)}
	}
	client := serve(t, many)
	seen := map[string]bool{}
	for p := tags.NewGetTagValuesPaginator(client, &tags.GetTagValuesInput{Key: aws.String("k")}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.TagValues {
			if seen[v] {
				t.Fatalf("%q comes twice", v)
			}
			seen[v] = true
		}
	}
	if len(seen) != 2501 {
		t.Errorf("%d values, want 2501", len(seen))
	}
}

func TestTagAndUntag(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	absent, broken, foreign := volume+"9", volume+"broken", "arn:aws:sqs:eu-central-1:111111111111:queue"
	out, err := client.TagResources(t.Context(), &tags.TagResourcesInput{
		ResourceARNList: []string{volume, bucket, absent, broken, foreign}, Tags: map[string]string{"new": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]string{}
	for arn, f := range out.FailedResourcesMap {
		failed[arn] = fmt.Sprint(f.StatusCode, " ", f.ErrorCode)
		if strings.Contains(*f.ErrorMessage, "secret") {
			t.Errorf("an inner error is shown: %s", *f.ErrorMessage)
		}
	}
	want := map[string]string{
		absent: "400 InvalidVolume.NotFound", broken: "500 InternalServiceException", foreign: "400 InvalidParameterException",
	}
	if diff := cmp.Diff(want, failed); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	tagged := func() []string {
		t.Helper()
		out, err := client.GetResources(t.Context(), &tags.GetResourcesInput{TagFilters: []types.TagFilter{{Key: aws.String("new")}}})
		if err != nil {
			t.Fatal(err)
		}
		return arns(out.ResourceTagMappingList)
	}
	if diff := cmp.Diff([]string{volume, bucket}, tagged()); diff != "" {
		t.Errorf("tagged (-want +got):\n%s", diff)
	}
	if _, err := client.UntagResources(t.Context(), &tags.UntagResourcesInput{ResourceARNList: []string{volume}, TagKeys: []string{"new"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{bucket}, tagged()); diff != "" {
		t.Errorf("after untagging one (-want +got):\n%s", diff)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	get := func(in tags.GetResourcesInput) func(context.Context) error {
		return func(ctx context.Context) error { _, err := client.GetResources(ctx, &in); return err }
	}
	tag := func(in tags.TagResourcesInput) func(context.Context) error {
		return func(ctx context.Context) error { _, err := client.TagResources(ctx, &in); return err }
	}
	for name, test := range map[string]struct {
		call func(context.Context) error
		code string
	}{
		"token":           {get(tags.GetResourcesInput{PaginationToken: aws.String("rubbish")}), "PaginationTokenExpiredException"},
		"page size":       {get(tags.GetResourcesInput{ResourcesPerPage: new(int32(101))}), "InvalidParameterException"},
		"tags per page":   {get(tags.GetResourcesInput{TagsPerPage: new(int32(150))}), "InvalidParameterException"},
		"names and types": {get(tags.GetResourcesInput{ResourceARNList: []string{volume}, ResourceTypeFilters: []string{"ec2"}}), "InvalidParameterException"},
		"compliance":      {get(tags.GetResourcesInput{IncludeComplianceDetails: aws.Bool(true)}), "NotImplemented"},
		"reserved key":    {tag(tags.TagResourcesInput{ResourceARNList: []string{volume}, Tags: map[string]string{"aws:x": "1"}}), "InvalidParameterException"},
		"no tags":         {tag(tags.TagResourcesInput{ResourceARNList: []string{volume}, Tags: map[string]string{}}), "InvalidParameterException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.call(t.Context())
			refusal, ok := errors.AsType[smithy.APIError](err)
			if !ok || refusal.ErrorCode() != test.code {
				t.Errorf("answered %v, want %s", err, test.code)
			}
		})
	}
}
