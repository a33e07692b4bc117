package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

func handshakeOf(account string) *orgtypes.HandshakeParty {
	return &orgtypes.HandshakeParty{Id: &account, Type: orgtypes.HandshakePartyTypeAccount}
}

// assume returns the party that p becomes by assuming a role.
func (p *party) assume(t *testing.T, account, role string) *party {
	t.Helper()
	out := must(p.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: aws.String("scenario")}))(t, "assuming "+role)
	cfg := p.config.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return newParty(account, cfg)
}

// TestCreatedAccount makes an account, enters it by the role that it comes with, and protects something there, with a
// copy in the backup account.
func TestCreatedAccount(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	crossAccount(t, s, true)
	manager := enter(t, s, management, home)
	out := must(manager.organizations.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("fourth"), Email: aws.String("fourth@example.com")}))(t, "creating an account")
	var account string
	eventually(ctx, t, "the account", func() (bool, error) {
		status, err := manager.organizations.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: out.CreateAccountStatus.Id})
		if err != nil {
			return false, err
		}
		account = aws.ToString(status.CreateAccountStatus.AccountId)
		return status.CreateAccountStatus.State == orgtypes.CreateAccountStateSucceeded, fmt.Errorf("it is %s", status.CreateAccountStatus.State)
	})
	fourth, b := manager.assume(t, account, "OrganizationAccountAccessRole"), enter(t, s, vaulted, north)
	if got := must(fourth.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t, "asking who we are"); *got.Account != account {
		t.Fatalf("we are in account %s, want %s", *got.Account, account)
	}
	fourth.role(t, "jobs", rolePolicies...)
	b.role(t, "jobs", rolePolicies...)
	b.linked(t)
	fourth.vault(t, "local-vault", fourth.key(t, b))
	destination := b.vault(t, "backup-vault", b.key(t), fourth)
	point := fourth.backUp(t, "local-vault", fourth.bucket(t, "bucket-of-the-fourth", ""))
	copied := fourth.copyTo(t, point, "local-vault", destination)
	if diff := cmp.Diff(fourth.objects(t, "bucket-of-the-fourth"), b.restoreBucket(t, copied, "restored-of-the-fourth")); diff != "" {
		t.Errorf("restored from the copy (-want +got):\n%s", diff)
	}
	// Only the management account is trusted by the role.
	_, err := enter(t, s, member, home).sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"), RoleSessionName: aws.String("scenario")})
	denied(t, "assuming the role from another account", err)
}

// TestMembershipEvents: who comes and who goes is in the management account's CloudTrail, and in nobody else's.
func TestMembershipEvents(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	const global = "us-east-1" // where the record shows what belongs to no Region
	manager, m := enter(t, s, management, global), enter(t, s, member, global)
	account := *must(manager.organizations.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("fourth"), Email: aws.String("fourth@example.com")}))(t, "creating an account").CreateAccountStatus.AccountId
	must(manager.organizations.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(member)}))(t, "removing a member")
	must(manager.organizations.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &account}))(t, "closing an account")
	details := func(p *party, name, account string) (found []string) {
		t.Helper()
		for _, r := range p.records(t, name) {
			if r.ServiceEventDetails["accountId"] == account && r.EventSource == "organizations.amazonaws.com" {
				found = append(found, fmt.Sprint(r.ServiceEventDetails["joinedMethod"], r.ServiceEventDetails["departureMethod"]))
			}
		}
		return found
	}
	if got := details(manager, "AccountJoinedOrganization", account); !slices.Equal(got, []string{"CREATED<nil>"}) {
		t.Errorf("the new account joined: %v", got)
	}
	if got := details(manager, "AccountDepartedOrganization", member); !slices.Equal(got, []string{"<nil>REMOVED"}) {
		t.Errorf("the member departed: %v", got)
	}
	if got := details(m, "AccountDepartedOrganization", member); len(got) != 0 {
		t.Errorf("the member is shown %v", got)
	}
	move(t, s, server.ClockMove{Advance: 91 * 24 * time.Hour})
	eventually(ctx, t, "the closed account to leave", func() (bool, error) {
		got := details(manager, "AccountDepartedOrganization", account)
		return slices.Equal(got, []string{"<nil>CLEANED"}), fmt.Errorf("it departed: %v", got)
	})
}

// TestBucketNamesAreTakenOnce: two accounts share one namespace of buckets.
func TestBucketNamesAreTakenOnce(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	m, b := enter(t, s, member, home), enter(t, s, vaulted, north)
	m.bucket(t, "taken-bucket", "")
	_, err := b.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("taken-bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: north}})
	refused(t, err, "BucketAlreadyExists", 409, "")
	if n := len(m.objects(t, "taken-bucket")); n != 3 {
		t.Errorf("the bucket holds %d objects, want 3", n)
	}
}

// TestStandaloneAccounts: accounts without an organization are apart until one is made and joined through the API.
func TestStandaloneAccounts(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Standalone: true})
	ctx := t.Context()
	m, b := enter(t, s, member, home), enter(t, s, vaulted, home)
	_, err := m.organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	refused(t, err, "AWSOrganizationsNotInUseException", 400, "")
	for _, p := range []*party{m, b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	m.vault(t, "local-vault", m.key(t, b))
	destination := b.vault(t, "backup-vault", b.key(t), m)
	point := m.backUp(t, "local-vault", m.bucket(t, "standalone-bucket", ""))
	want := ended{"FAILED", "Copy job failed. Both source and destination account must be a member of the same organization.", "ACCESS_DENIED"}
	if got := m.tryCopy(t, point, "local-vault", destination); got != want {
		t.Errorf("a copy between accounts of no organization: %+v, want %+v", got, want)
	}
	must(m.organizations.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll}))(t, "making an organization")
	join(t, m, b)
	must(m.backup.UpdateGlobalSettings(ctx, globalSettings("true")))(t, "enabling cross-account backup")
	if got := m.tryCopy(t, point, "local-vault", destination); got != completed {
		t.Errorf("a copy within the new organization: %+v", got)
	}
}
