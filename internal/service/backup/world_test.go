package backup_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awsorganizations "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/arn"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/resource"
	"strongroom/internal/service/backup"
	"strongroom/internal/service/iam"
	"strongroom/internal/service/kms"
	"strongroom/internal/service/organizations"
	"strongroom/internal/service/sts"
	"strongroom/internal/state"
	"strongroom/internal/wire"
	"strongroom/rules"
)

const (
	management = "999999999999"
	member     = "111111111111"
	other      = "222222222222"
	outsider   = "333333333333"
	home       = "eu-central-1"
	north      = "eu-north-1"
)

// world is the service behind the real door: IAM, STS, Organizations and KMS beside it, HTTP and signatures before it.
// Jobs are enqueued and not worked on.
type world struct {
	*backup.Service
	t     *testing.T
	url   string
	db    *state.DB
	clock *clock.Shifted
	queue *queue
	keys  map[string]iam.Credential
	// delegated are the delegated administrators for AWS Backup.
	delegated map[string]bool
	trail     trail
}

var start = time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewFrozen(start), queue: &queue{}, keys: map[string]iam.Credential{}, delegated: map[string]bool{}}
	ctx := t.Context()
	var err error
	w.db, err = state.Open(ctx, filepath.Join(t.TempDir(), "state.db"), w.clock)
	must(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	keeper := localsecrets.NewKeeper([32]byte{1, 2, 3})
	t.Cleanup(func() { _ = keeper.Close() })
	pages, log := page.NewRandomSealer(), slog.New(slog.DiscardHandler)

	identities := iam.New(iam.Config{DB: w.db, Clock: w.clock, Keeper: keeper, Pages: pages, Log: log})
	door := api.NewDoor(identities.Authorizer(), nobody{})
	sessions := sts.New(sts.Config{DB: w.db, Clock: w.clock, Wall: clock.Wall, Keeper: keeper, Door: door, Log: log})
	organization := organizations.New(organizations.Config{DB: w.db, Clock: w.clock, Pages: pages, Log: log})
	keys := kms.New(kms.Config{DB: w.db, Clock: w.clock, Keeper: keeper, Door: door, Pages: pages, Log: log})
	w.Service = backup.New(backup.Config{
		DB: w.db, Clock: w.clock, Door: door, Queue: w.queue, Pages: pages, AsOf: rules.Current,
		Kinds:            []resource.Kind{kind{name: "S3"}, kind{name: "EBS"}},
		EnsureManagedKey: keys.EnsureManagedKey, HasServiceLinkedRole: identities.HasServiceLinkedRole,
		AssumeForService: sessions.AssumeForService, UnknownPrincipals: identities.UnknownPrincipals,
		OrganizationOf: w.organizationOf, Trail: &w.trail, Log: log,
	})
	for _, service := range []interface{ API() *api.Service }{identities, sessions, organization, keys, w.Service} {
		door.Register(service.API())
	}
	for _, id := range []string{management, member, other, outsider} {
		w.keys[id], err = identities.EnsureAccount(ctx, id, "account-"+id, iam.Credential{})
		must(t, err)
	}
	must(t, organization.EnsureOrganization(ctx, "o-a1b2c3d4e5", management, member, other))
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: door, Credentials: sessions, Clock: w.clock, Wall: clock.Wall}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) organizationOf(ctx context.Context, accountID string) (found backup.Organization, err error) {
	err = w.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		o, err := tx.OrganizationOfAccount(ctx, accountID)
		if err != nil {
			return err
		}
		found = backup.Organization{ID: o.ID, ManagementAccountID: o.ManagementAccountID, Delegated: w.delegated[accountID]}
		found.TrustedAccess, err = tx.HasServiceAccess(ctx, o.ID, "backup.amazonaws.com")
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		err = nil
	}
	return found, err
}

// trust gives AWS Backup trusted access to the organization.
func (w *world) trust() {
	w.t.Helper()
	_, err := awsorganizations.NewFromConfig(w.config(management, "us-east-1")).EnableAWSServiceAccess(w.t.Context(),
		&awsorganizations.EnableAWSServiceAccessInput{ServicePrincipal: new("backup.amazonaws.com")})
	must(w.t, err)
}

// distrust takes it away.
func (w *world) distrust() {
	w.t.Helper()
	_, err := awsorganizations.NewFromConfig(w.config(management, "us-east-1")).DisableAWSServiceAccess(w.t.Context(),
		&awsorganizations.DisableAWSServiceAccessInput{ServicePrincipal: new("backup.amazonaws.com")})
	must(w.t, err)
}

// config is the SDK's configuration of an account's administrator in a Region.
func (w *world) config(account, region string) aws.Config {
	key := w.keys[account]
	return aws.Config{
		Region: region, BaseEndpoint: &w.url, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
}

func (w *world) backup(account string) *awsbackup.Client {
	return awsbackup.NewFromConfig(w.config(account, home))
}

func (w *world) iam(account string) *awsiam.Client {
	return awsiam.NewFromConfig(w.config(account, home))
}

func (w *world) kms(account string) *awskms.Client {
	return awskms.NewFromConfig(w.config(account, home))
}

// role makes a role that AWS Backup may assume, with the managed policies named, and returns its ARN.
func (w *world) role(account, name string, policies ...string) *string {
	w.t.Helper()
	made, err := w.iam(account).CreateRole(w.t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(iam.ServiceTrust("backup.amazonaws.com"))})
	must(w.t, err)
	for _, policy := range policies {
		_, err := w.iam(account).AttachRolePolicy(w.t.Context(), &awsiam.AttachRolePolicyInput{RoleName: &name, PolicyArn: new("arn:aws:iam::aws:policy/" + policy)})
		must(w.t, err)
	}
	return made.Role.Arn
}

// as is a client of a user of the account with one inline policy.
func (w *world) as(account, name, policy string) *awsbackup.Client {
	w.t.Helper()
	ctx, c := w.t.Context(), w.iam(account)
	_, err := c.CreateUser(ctx, &awsiam.CreateUserInput{UserName: &name})
	must(w.t, err)
	_, err = c.PutUserPolicy(ctx, &awsiam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &policy})
	must(w.t, err)
	key, err := c.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: &name})
	must(w.t, err)
	config := w.config(account, home)
	config.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	return awsbackup.NewFromConfig(config)
}

// vault makes a vault under the aws/backup key.
func (w *world) vault(account, name string) {
	w.t.Helper()
	_, err := w.backup(account).CreateBackupVault(w.t.Context(), &awsbackup.CreateBackupVaultInput{BackupVaultName: &name})
	must(w.t, err)
}

// point enters a finished recovery point of a bucket into a vault, as a backup job would.
func (w *world) point(account, vault, id string, created time.Time, change func(*state.RecoveryPoint)) *string {
	w.t.Helper()
	p := state.RecoveryPoint{
		ARN: "arn:aws:backup:" + home + ":" + account + ":recovery-point:" + id, AccountID: account, Region: home,
		VaultName: vault, VaultARN: "arn:aws:backup:" + home + ":" + account + ":backup-vault:" + vault,
		ResourceARN: "arn:aws:s3:::bucket", ResourceType: "S3", ResourceName: "bucket", Status: state.PointCompleted, StorageClass: "WARM",
		CreatedAt: state.MicrosOf(created), CompletedAt: state.MicrosOf(created), SizeBytes: 7,
		Tags: map[string]string{"team": "blue"}, RestoreMetadata: map[string]string{"DestinationBucketName": "bucket"},
	}
	if change != nil {
		change(&p)
	}
	w.update(func(ctx context.Context, tx *state.Tx) error { return tx.InsertRecoveryPoint(ctx, p) })
	return &p.ARN
}

func (w *world) update(fn func(ctx context.Context, tx *state.Tx) error) {
	w.t.Helper()
	must(w.t, w.db.Update(w.t.Context(), fn))
}

// kind is a kind of resource of which the service only asks the name and whose it is.
type kind struct {
	resource.Kind
	name string
}

func (k kind) Type() string { return k.name }

func (k kind) Owns(_ context.Context, a arn.ARN) (bool, error) {
	return slices.Contains(rules.TypesOf(a), k.name), nil
}

// queue notes what was enqueued; what is rolled back is noted too, so tests of refusals look at the rows.
type queue struct {
	mu   sync.Mutex
	jobs []string
}

func (q *queue) add(job string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, job)
	return nil
}

func (q *queue) EnqueueBackup(_ context.Context, _ *state.Tx, id string) error {
	return q.add("backup " + id)
}

func (q *queue) WakeBackup(_ context.Context, _ *state.Tx, id string) error {
	return q.add("wake " + id)
}

func (q *queue) EnqueueCopy(_ context.Context, _ *state.Tx, id string) error {
	return q.add("copy " + id)
}

func (q *queue) EnqueueRestore(_ context.Context, _ *state.Tx, id string) error {
	return q.add("restore " + id)
}

func (q *queue) EnqueueDelete(_ context.Context, _ *state.Tx, point string) error {
	return q.add("delete " + point)
}

type nobody struct{}

func (nobody) Record(context.Context, *api.Record) {}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants an error of the API with the code and with text in its message.
func refused(t testing.TB, err error, code, text string) {
	t.Helper()
	var e smithy.APIError
	switch {
	case err == nil:
		t.Errorf("succeeded, want %s", code)
	case !errors.As(err, &e):
		t.Errorf("%v is not an error of the API", err)
	case e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text):
		t.Errorf("%s: %q, want %s with %q", e.ErrorCode(), e.ErrorMessage(), code, text)
	}
}

// linkedRole reports whether an account has AWS Backup's service-linked role.
func (w *world) linkedRole(account string) bool {
	w.t.Helper()
	_, err := w.iam(account).GetRole(w.t.Context(), &awsiam.GetRoleInput{RoleName: new("AWSServiceRoleForBackup")})
	var e smithy.APIError
	if errors.As(err, &e) && e.ErrorCode() == "NoSuchEntity" {
		return false
	}
	must(w.t, err)
	return true
}
