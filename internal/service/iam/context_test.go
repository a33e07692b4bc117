package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"strongroom/internal/api"
	"strongroom/internal/service/iam/iamtest"
)

// globalKeys are all that the reference lists, but for those of networks that the house does not have:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
var globalKeys = []string{
	"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgPaths", "aws:PrincipalOrgID", "aws:PrincipalTag/team", "aws:PrincipalTag/visit",
	"aws:PrincipalIsAWSService", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:PrincipalType", "aws:userid", "aws:username",
	"aws:AssumedRoot", "aws:FederatedProvider", "aws:TokenIssueTime", "aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent", "aws:SourceIdentity",
	"aws:SourceIp", "aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:ResourceTag/owner",
	"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:ViaAWSService", "aws:CurrentTime", "aws:EpochTime", "aws:referer",
	"aws:RequestedRegion", "aws:RequestTag/stage", "aws:TagKeys", "aws:SecureTransport", "aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgPaths",
	"aws:SourceOrgID", "aws:UserAgent",
}

// Each kind of caller has the keys that the reference gives it, with their values, and no other: a bucket policy that
// denies by them decides so.
func TestGlobalConditionKeys(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	ctx := t.Context()
	roots, err := h.OrganizationsClient(iamtest.Management).ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil {
		t.Fatal(err)
	}
	path := "o-a1b2c3d4e5/" + *roots.Roots[0].Id + "/"
	arrived := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	lookup := func(id, token string) *api.Caller {
		_, c, err := h.STS.Lookup(ctx, id, token)
		if err != nil {
			t.Fatal(err)
		}
		c.AccessKeyID, c.Region, c.SourceIP, c.UserAgent, c.Referer, c.Secure = id, "eu-central-1", "192.0.2.7", "test", "https://example.com/", true
		c.Date, c.ReceivedAt = arrived, h.Wall.Now()
		return &c
	}
	user := func(name string) *api.Caller {
		keys, err := h.User(t, iamtest.Member, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`).Credentials.Retrieve(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return lookup(keys.AccessKeyID, "")
	}
	plain := user("plain")
	role := h.Role(t, iamtest.Member, "visited", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`)
	out, err := h.STSClient(iamtest.Member).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("visit"), SourceIdentity: aws.String("somebody"),
		Tags: []ststypes.Tag{{Key: aws.String("visit"), Value: aws.String("short")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	session := lookup(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	verified := *plain
	verified.Session = &api.Session{IssuedAt: verified.ReceivedAt.Add(-90 * time.Second), MFA: true}
	service := api.ServiceCaller("backup.amazonaws.com", iamtest.Member, "eu-central-1")
	service.SourceARN, service.Date = vault, arrived
	root := &api.Caller{
		AccountID: iamtest.Member, ARN: "arn:aws:iam::111111111111:root", UserID: iamtest.Member, Region: "eu-central-1", SourceIP: "2001:db8::1", Date: arrived,
	}

	// every are the keys of all callers, persons those of all but services.
	every := map[string][]string{
		"aws:ResourceAccount": {iamtest.Backup}, "aws:ResourceOrgID": {"o-a1b2c3d4e5"}, "aws:ResourceOrgPaths": {path}, "aws:ResourceTag/owner": {"me"},
		"aws:RequestTag/stage": {"test"}, "aws:TagKeys": {"stage"}, "aws:RequestedRegion": {"eu-central-1"},
		"aws:CurrentTime": {"2026-03-14T15:09:26Z"}, "aws:EpochTime": {strconv.FormatInt(arrived.Unix(), 10)},
		"aws:PrincipalAccount": {iamtest.Member}, "aws:PrincipalIsAWSService": {"false"}, "aws:ViaAWSService": {"false"},
		"aws:SecureTransport": {"true"},
	}
	persons := with(every, map[string][]string{
		"aws:PrincipalOrgID": {"o-a1b2c3d4e5"}, "aws:PrincipalOrgPaths": {path}, "aws:SourceIp": {"192.0.2.7"}, "aws:UserAgent": {"test"},
		"aws:referer": {"https://example.com/"},
	})
	ofUser := with(persons, map[string][]string{
		"aws:PrincipalArn": {"arn:aws:iam::111111111111:user/plain"}, "aws:PrincipalType": {"User"}, "aws:userid": {plain.UserID}, "aws:username": {"plain"},
	})
	for _, row := range []struct {
		what   string
		caller *api.Caller
		want   map[string][]string
	}{
		{"a user", plain, ofUser},
		{"a user's session with MFA", &verified, with(ofUser, map[string][]string{
			"aws:MultiFactorAuthPresent": {"true"}, "aws:MultiFactorAuthAge": {"90"}, "aws:TokenIssueTime": {verified.Session.IssuedAt.UTC().Format(time.RFC3339)},
		})},
		{"a user through services", plain.Through("s3.amazonaws.com", "eu-central-1").Through("kms.amazonaws.com", "eu-central-1"), with(ofUser, map[string][]string{
			"aws:ViaAWSService": {"true"}, "aws:CalledVia": {"s3.amazonaws.com", "kms.amazonaws.com"}, "aws:CalledViaFirst": {"s3.amazonaws.com"},
			"aws:CalledViaLast": {"kms.amazonaws.com"}, "aws:SourceIp": nil,
		})},
		{"a role's session", session, with(persons, map[string][]string{
			"aws:PrincipalArn": {role}, "aws:PrincipalType": {"AssumedRole"}, "aws:userid": {session.UserID}, "aws:PrincipalTag/visit": {"short"},
			"aws:SourceIdentity": {"somebody"}, "aws:MultiFactorAuthPresent": {"false"}, "aws:TokenIssueTime": {session.Session.IssuedAt.UTC().Format(time.RFC3339)},
		})},
		{"the root user", root, with(persons, map[string][]string{
			"aws:PrincipalArn": {root.ARN}, "aws:PrincipalType": {"Account"}, "aws:userid": {iamtest.Member}, "aws:SourceIp": {"2001:db8::1"},
			"aws:UserAgent": nil, "aws:referer": nil, "aws:SecureTransport": {"false"},
		})},
		{"a service", service, with(every, map[string][]string{
			"aws:PrincipalIsAWSService": {"true"}, "aws:PrincipalServiceName": {"backup.amazonaws.com"},
			"aws:PrincipalServiceNamesList": {"backup.amazonaws.com", "backup.eu-central-1.amazonaws.com"},
			"aws:SourceArn":                 {vault}, "aws:SourceAccount": {iamtest.Member}, "aws:SourceOrgID": {"o-a1b2c3d4e5"}, "aws:SourceOrgPaths": {path},
		})},
	} {
		for key := range row.want {
			if !slices.Contains(globalKeys, key) {
				t.Errorf("%s is none of the reference's keys", key)
			}
		}
		for _, key := range globalKeys {
			denied := func(condition string) bool {
				decision, err := h.IAM.Authorizer().Explain(ctx, row.caller, api.Access{
					Action: "s3:PutObject", Resource: "arn:aws:s3:::b/k", ResourceAccountID: iamtest.Backup,
					Context: map[string][]string{"aws:ResourceTag/owner": {"me"}, "aws:RequestTag/stage": {"test"}, "aws:TagKeys": {"stage"}},
					ResourcePolicies: []api.PolicyDocument{{Name: "bucket policy of b", Document: `{"Version":"2012-10-17","Statement":[
						{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":` + condition + `}]}`}},
				})
				if err != nil {
					t.Fatal(err)
				}
				return decision.Reason == "explicitDeny"
			}
			want := row.want[key]
			if there := denied(fmt.Sprintf(`{"Null":{%q:"false"}}`, key)); there != (len(want) > 0) {
				t.Errorf("%s has %s: %v, want %v", row.what, key, there, want)
				continue
			}
			for _, value := range want {
				if !denied(fmt.Sprintf(`{"ForAnyValue:StringEquals":{%q:%q}}`, key, value)) {
					t.Errorf("%s: %s is not %s", row.what, key, value)
				}
			}
			if len(want) > 0 && denied(fmt.Sprintf(`{"ForAnyValue:StringNotEquals":{%q:["%s"]}}`, key, strings.Join(want, `","`))) {
				t.Errorf("%s: %s is more than %v", row.what, key, want)
			}
		}
	}
}

// with is all keys of both, where more has the word.
func with(keys, more map[string][]string) map[string][]string {
	all := maps.Clone(keys)
	maps.Copy(all, more)
	return all
}
