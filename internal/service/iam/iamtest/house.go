// Package iamtest runs IAM, STS and Organizations in one process for tests: with a real database, the real authorizer,
// and real clients that sign their calls.
package iamtest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/clock"
	"strongroom/internal/api"
	iamservice "strongroom/internal/service/iam"
	organizationsservice "strongroom/internal/service/organizations"
	stsservice "strongroom/internal/service/sts"
	"strongroom/internal/state"
	"strongroom/internal/wire"
)

// The accounts that a house begins with, all standalone.
const (
	Management = "999999999999"
	Member     = "111111111111"
	Backup     = "222222222222"
)

// House is the three services behind a server.
type House struct {
	DB            *state.DB
	Clock         *clock.Shifted // the service's time
	Wall          *clock.Shifted // the clients' time, as the server sees it; it stands, so that codes and refusals of a minute last as long as a test takes
	Keeper        *secrets.Keeper
	Door          *api.Door
	IAM           *iamservice.Service
	STS           *stsservice.Service
	Organizations *organizationsservice.Service
	URL           string

	administrators map[string]iamservice.Credential

	mu      sync.Mutex // guards records
	records []api.Record
}

// New starts a house, which ends with the test.
func New(t testing.TB) *House {
	t.Helper()
	h := &House{Clock: clock.NewShifted(0), Wall: clock.NewFrozen(clock.Wall.Now()), administrators: map[string]iamservice.Credential{}}
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), h.Clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	key, err := localsecrets.NewRandomKey()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.DB, h.Keeper = db, localsecrets.NewKeeper(key)
	h.IAM = iamservice.New(iamservice.Config{
		DB: db, Clock: h.Clock, Keeper: h.Keeper, Log: log, PasswordRounds: 100,
		ServiceRoleInUse: func(ctx context.Context, accountID, service string) (string, error) {
			return h.Organizations.ServiceRoleInUse(ctx, accountID, service)
		},
	})
	h.Door = api.NewDoor(h.IAM.Authorizer(), h)
	h.STS = stsservice.New(stsservice.Config{DB: db, Clock: h.Clock, Wall: h.Wall, Keeper: h.Keeper, Door: h.Door, Log: log, Decode: h.IAM.DecodeAuthorizationMessage})
	h.Organizations = organizationsservice.New(organizationsservice.Config{DB: db, Door: h.Door, Clock: h.Clock, Log: log, MaxAccounts: 10000})
	for _, service := range []*api.Service{h.IAM.API(), h.STS.API(), h.Organizations.API()} {
		h.Door.Register(service)
	}
	for _, id := range []string{Management, Member, Backup} {
		if h.administrators[id], err = h.IAM.EnsureAccount(t.Context(), id, "account "+id[:1], iamservice.Credential{}); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: h.Door, Credentials: h.STS, Clock: h.Clock, Wall: h.Wall, Log: log}))
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

// Record implements api.Recorder.
func (h *House) Record(_ context.Context, r *api.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, *r)
}

// Records returns what was recorded so far.
func (h *House) Records() []api.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]api.Record(nil), h.records...)
}

// Organize makes an organization of the three accounts.
func (h *House) Organize(t testing.TB) {
	t.Helper()
	if err := h.Organizations.EnsureOrganization(t.Context(), "o-a1b2c3d4e5", Management, Member, Backup); err != nil {
		t.Fatal(err)
	}
}

// As is an SDK configuration of an account's administrator.
func (h *House) As(accountID string) aws.Config {
	c := h.administrators[accountID]
	return h.With(c.AccessKeyID, c.SecretAccessKey, "")
}

// With is an SDK configuration of any credential. Its clients try again, as clients do: on one machine, an answer may come
// before they have noticed that their request is written, and they close the connection on it.
func (h *House) With(accessKeyID, secret, token string) aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(h.URL),
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, secret, token),
		Retryer:     func() aws.Retryer { return retry.AddWithMaxBackoffDelay(retry.NewStandard(), time.Millisecond) },
	}
}

// WithSession is an SDK configuration of what AssumeRole and GetSessionToken return.
func (h *House) WithSession(c *types.Credentials) aws.Config {
	return h.With(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// Caller is an account's administrator for calls inside the process.
func (h *House) Caller(t testing.TB, accountID string) *api.Caller {
	t.Helper()
	_, caller, err := h.STS.Lookup(t.Context(), h.administrators[accountID].AccessKeyID, "")
	if err != nil {
		t.Fatal(err)
	}
	caller.Region, caller.Date, caller.ReceivedAt, caller.SourceIP = "eu-central-1", h.Clock.Now(), h.Wall.Now(), "127.0.0.1"
	return &caller
}

// User makes a user with an inline policy, none if it is "", and returns a configuration that calls as it.
func (h *House) User(t testing.TB, accountID, name, policy string) aws.Config {
	t.Helper()
	client := iam.NewFromConfig(h.As(accountID))
	if _, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		_, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy})
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return h.With(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

// Role makes a role and returns its ARN.
func (h *House) Role(t testing.TB, accountID, name, trust string, attached ...string) string {
	t.Helper()
	client := iam.NewFromConfig(h.As(accountID))
	out, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	for _, arn := range attached {
		if _, err := client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	return *out.Role.Arn
}

// IAMClient calls IAM as an account's administrator.
func (h *House) IAMClient(accountID string) *iam.Client { return iam.NewFromConfig(h.As(accountID)) }

// STSClient calls STS as an account's administrator.
func (h *House) STSClient(accountID string) *sts.Client { return sts.NewFromConfig(h.As(accountID)) }

// OrganizationsClient calls Organizations as an account's administrator.
func (h *House) OrganizationsClient(accountID string) *organizations.Client {
	return organizations.NewFromConfig(h.As(accountID))
}
