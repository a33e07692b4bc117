package server_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	tags "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"strongroom/internal/server"
)

// The tagging service of a whole server serves IAM, whose resources are in one Region there.
func TestTaggingServesIAM(t *testing.T) {
	t.Parallel()
	s := start(t, server.Config{DataDir: t.TempDir(), Accounts: []server.Account{{
		ID: "111111111111", Name: "member", Region: "us-east-1", AccessKeyID: "AKIAMEMBEREXAMPLE000", SecretAccessKey: "member-secret",
	}}})
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAMEMBEREXAMPLE000", "member-secret", ""),
	}
	policy, err := iam.NewFromConfig(cfg).CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String("p1"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := tags.NewFromConfig(cfg)
	tagged, err := c.TagResources(t.Context(), &tags.TagResourcesInput{
		ResourceARNList: []string{*policy.Policy.Arn, "arn:aws:iam::111111111111:user/u"}, Tags: map[string]string{"tt": "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, user := tagged.FailedResourcesMap["arn:aws:iam::111111111111:user/u"]; !user || len(tagged.FailedResourcesMap) != 1 {
		t.Errorf("failed to tag %v, want the user alone", tagged.FailedResourcesMap)
	}
	listed, err := c.GetResources(t.Context(), &tags.GetResourcesInput{ResourceTypeFilters: []string{"iam:policy"}})
	if err != nil {
		t.Fatal(err)
	}
	if all := listed.ResourceTagMappingList; len(all) != 1 || *all[0].ResourceARN != *policy.Policy.Arn || len(all[0].Tags) != 2 {
		t.Errorf("listed %+v", all)
	}
}
