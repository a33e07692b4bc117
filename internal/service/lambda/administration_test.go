package lambda_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestAliases(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	arn := b.function(t, "named")
	published, err := b.PublishVersion(ctx, &awslambda.PublishVersionInput{FunctionName: &arn})
	if err != nil {
		t.Fatal(err)
	}
	for alias, version := range map[string]string{"live": *published.Version, "next": "$LATEST"} {
		if _, err := b.CreateAlias(ctx, &awslambda.CreateAliasInput{FunctionName: &arn, Name: &alias, FunctionVersion: &version, Description: aws.String("of " + version)}); err != nil {
			t.Fatalf("alias %s: %v", alias, err)
		}
	}
	got, err := b.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: &arn, Name: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.AliasArn != arn+":live" || *got.FunctionVersion != "1" || *got.Description != "of 1" {
		t.Errorf("the alias is %s of %s, %q", *got.AliasArn, *got.FunctionVersion, *got.Description)
	}
	names := func(version *string) (all []string) {
		t.Helper()
		pages := awslambda.NewListAliasesPaginator(b, &awslambda.ListAliasesInput{FunctionName: &arn, FunctionVersion: version, MaxItems: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.Aliases {
				all = append(all, *a.Name)
			}
		}
		return all
	}
	if all := names(nil); !slices.Equal(all, []string{"live", "next"}) {
		t.Errorf("the aliases are %v", all)
	}
	if all := names(aws.String("1")); !slices.Equal(all, []string{"live"}) {
		t.Errorf("the aliases of version 1 are %v", all)
	}
	if _, err := b.DeleteAlias(ctx, &awslambda.DeleteAliasInput{FunctionName: &arn, Name: aws.String("live")}); err != nil {
		t.Fatal(err)
	}
	_, err = b.GetAlias(ctx, &awslambda.GetAliasInput{FunctionName: &arn, Name: aws.String("live")})
	refused(t, err, 404, "ResourceNotFoundException", "Cannot find alias arn: "+arn+":live")
	if all := names(nil); !slices.Equal(all, []string{"next"}) {
		t.Errorf("the aliases that are left are %v", all)
	}
}

func TestFunctionTags(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	arn := b.function(t, "tagged", func(in *awslambda.CreateFunctionInput) { in.Tags = map[string]string{"team": "a", "old": "yes"} })
	if _, err := b.TagResource(ctx, &awslambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"team": "b", "stage": "test"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.UntagResource(ctx, &awslambda.UntagResourceInput{Resource: &arn, TagKeys: []string{"old"}}); err != nil {
		t.Fatal(err)
	}
	got, err := b.ListTags(ctx, &awslambda.ListTagsInput{Resource: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"team": "b", "stage": "test"}; !maps.Equal(got.Tags, want) {
		t.Errorf("the tags are %v, not %v", got.Tags, want)
	}
	_, err = b.TagResource(ctx, &awslambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"aws:team": "b"}})
	refused(t, err, 400, "InvalidParameterValueException", "aws:")
	gone := arn + "-that-is-not-there"
	_, err = b.ListTags(ctx, &awslambda.ListTagsInput{Resource: &gone})
	refused(t, err, 404, "ResourceNotFoundException", gone)
}

func TestListFunctions(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	for _, name := range []string{"one", "three", "two"} {
		b.function(t, name)
	}
	var all []string
	pages := awslambda.NewListFunctionsPaginator(b, &awslambda.ListFunctionsInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Functions {
			all = append(all, *f.FunctionName)
		}
	}
	if !slices.Equal(all, []string{"one", "three", "two"}) {
		t.Errorf("the functions are %v", all)
	}
	foreign, err := awslambda.NewFromConfig(once(b.AWS(t, "backup", region))).ListFunctions(ctx, &awslambda.ListFunctionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(foreign.Functions) != 0 {
		t.Errorf("another account sees %d functions", len(foreign.Functions))
	}
}

func TestConcurrencyIsShown(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	arn := b.function(t, "reserved")
	shown := func() *int32 {
		t.Helper()
		got, err := b.GetFunctionConcurrency(ctx, &awslambda.GetFunctionConcurrencyInput{FunctionName: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return got.ReservedConcurrentExecutions
	}
	if n := shown(); n != nil {
		t.Errorf("a new function has %d reserved", *n)
	}
	if _, err := b.PutFunctionConcurrency(ctx, &awslambda.PutFunctionConcurrencyInput{FunctionName: &arn, ReservedConcurrentExecutions: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	if n := shown(); aws.ToInt32(n) != 2 {
		t.Errorf("it has %d reserved, not 2", aws.ToInt32(n))
	}
	if _, err := b.DeleteFunctionConcurrency(ctx, &awslambda.DeleteFunctionConcurrencyInput{FunctionName: &arn}); err != nil {
		t.Fatal(err)
	}
	if n := shown(); n != nil {
		t.Errorf("after the deletion it has %d reserved", *n)
	}
}

func TestEventConfigs(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	arn := b.function(t, "patient")
	_, err := b.GetFunctionEventInvokeConfig(ctx, &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: &arn})
	refused(t, err, 404, "ResourceNotFoundException", "doesn't have an EventInvokeConfig")
	if _, err := b.PutFunctionEventInvokeConfig(ctx, &awslambda.PutFunctionEventInvokeConfigInput{
		FunctionName: &arn, MaximumRetryAttempts: aws.Int32(1), MaximumEventAgeInSeconds: aws.Int32(600),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.UpdateFunctionEventInvokeConfig(ctx, &awslambda.UpdateFunctionEventInvokeConfigInput{FunctionName: &arn, MaximumRetryAttempts: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	got, err := b.GetFunctionEventInvokeConfig(ctx, &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToInt32(got.MaximumRetryAttempts) != 0 || aws.ToInt32(got.MaximumEventAgeInSeconds) != 600 {
		t.Errorf("the update left %d attempts and %d s, not 0 and 600", aws.ToInt32(got.MaximumRetryAttempts), aws.ToInt32(got.MaximumEventAgeInSeconds))
	}
	list, err := b.ListFunctionEventInvokeConfigs(ctx, &awslambda.ListFunctionEventInvokeConfigsInput{FunctionName: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list.FunctionEventInvokeConfigs, func(c types.FunctionEventInvokeConfig) bool { return *c.FunctionArn == arn+":$LATEST" }) || len(list.FunctionEventInvokeConfigs) != 1 {
		t.Errorf("the list is %d long: %v", len(list.FunctionEventInvokeConfigs), list.FunctionEventInvokeConfigs)
	}
	_, err = b.PutFunctionEventInvokeConfig(ctx, &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: &arn, MaximumRetryAttempts: aws.Int32(3)})
	refused(t, err, 400, "ValidationException", "maximumRetryAttempts")
	if _, err := b.DeleteFunctionEventInvokeConfig(ctx, &awslambda.DeleteFunctionEventInvokeConfigInput{FunctionName: &arn}); err != nil {
		t.Fatal(err)
	}
	_, err = b.DeleteFunctionEventInvokeConfig(ctx, &awslambda.DeleteFunctionEventInvokeConfigInput{FunctionName: &arn})
	refused(t, err, 404, "ResourceNotFoundException", "doesn't have an EventInvokeConfig")
}
