// Package s3test gives tests a real S3 service and a real KMS behind a door that evaluates policies.
package s3test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/clock"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/service/kms"
	"strongroom/internal/service/s3"
	"strongroom/internal/state"
)

// Accounts and Regions of the tests.
const (
	Member  = "111111111111"
	Vault   = "222222222222"
	Central = "eu-central-1"
	North   = "eu-north-1"
)

// World is a data directory with services over it.
type World struct {
	Dir   string
	Clock *clock.Shifted
	Door  *api.Door
	DB    *state.DB
	S3    *s3.Service
	KMS   *kms.Service

	authorizer *authorizer
	close      func()

	mu       sync.Mutex
	events   []s3.Event   // guarded by mu
	messages []s3.Message // guarded by mu
	// Unreachable is a target that refuses what is sent to it.
	Unreachable string
}

// Told returns what EventBridge, and queues and topics, have been told since it was last asked.
func (w *World) Told() ([]s3.Event, []s3.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, messages := w.events, w.messages
	w.events, w.messages = nil, nil
	return events, messages
}

func (w *World) keepEvent(_ context.Context, _ *state.Tx, e s3.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	return nil
}

func (w *World) keepMessage(_ context.Context, _ *state.Tx, m s3.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, m)
	return nil
}

func (w *World) send(ctx context.Context, m s3.Message) error {
	if m.TargetARN == w.Unreachable {
		return api.Errorf("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
	}
	return w.keepMessage(ctx, nil, m)
}

// New makes a world that ends with the test.
func New(t testing.TB) *World {
	t.Helper()
	return Open(t, t.TempDir(), clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
}

// Open starts the services over a directory, as after a restart.
func Open(t testing.TB, dir string, c *clock.Shifted) *World {
	t.Helper()
	w := &World{Dir: dir, Clock: c, authorizer: &authorizer{identity: map[string]*iampolicy.Policy{}}}
	var err error
	if w.DB, err = state.Open(t.Context(), filepath.Join(dir, "state.db"), c); err != nil {
		t.Fatal(err)
	}
	keeper := localsecrets.NewKeeper([32]byte{1, 2, 3})
	w.Door = api.NewDoor(w.authorizer, forgetful{})
	w.KMS = kms.New(kms.Config{
		DB: w.DB, Clock: c, Keeper: keeper, Door: w.Door, Pages: page.NewRandomSealer(),
		PrincipalExists: func(context.Context, string) (bool, error) { return true, nil },
	})
	w.S3, err = s3.New(t.Context(), s3.Config{
		DB: w.DB, Clock: c, Keeper: keeper, Door: w.Door, Dir: dir, EnsureManagedKey: w.KMS.EnsureManagedKey,
		PutEvent: w.keepEvent, Deliver: w.keepMessage, Send: w.send,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Door.Register(w.KMS.API())
	w.Door.Register(w.S3.API())
	w.close = sync.OnceFunc(func() {
		_ = w.S3.Close()
		_ = w.DB.Close()
		_ = keeper.Close()
	})
	t.Cleanup(w.close)
	return w
}

// Close ends the services before the test does.
func (w *World) Close() { w.close() }

// Restart ends the services and starts them anew over the same directory.
func (w *World) Restart(t testing.TB) *World {
	t.Helper()
	w.close()
	return Open(t, w.Dir, w.Clock)
}

// Admin is a user of an account that may do everything there.
func Admin(account string) *api.Caller { return User(account, "admin") }

// User is a user of an account, who may do what [World.Allow] says.
func User(account, name string) *api.Caller {
	return &api.Caller{
		AccountID: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDA" + strings.ToUpper(name), Region: Central, Secure: true,
	}
}

// Role is a session of a role of an account, which may do what [World.Allow] says.
func Role(account, name string) *api.Caller {
	return &api.Caller{
		AccountID: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/session",
		RoleARN: "arn:aws:iam::" + account + ":role/" + name, UserID: "AROA:session", Region: Central, Secure: true,
		Session: &api.Session{Name: "session"},
	}
}

// Allow gives a principal its identity policy.
func (w *World) Allow(c *api.Caller, document string) {
	w.authorizer.mu.Lock()
	defer w.authorizer.mu.Unlock()
	w.authorizer.identity[c.ARN] = iampolicy.MustParse(document)
}

// Do makes a call that must succeed.
func Do[Out any](t testing.TB, w *World, c *api.Caller, in any) *Out {
	t.Helper()
	out, err := api.Call[Out](t.Context(), w.Door, c, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

// Refused makes a call that must be answered with an error code, and returns what it was answered with.
func Refused[Out any](t testing.TB, w *World, c *api.Caller, in any, code string) api.Error {
	t.Helper()
	_, err := api.Call[Out](t.Context(), w.Door, c, in)
	if api.Code(err) != code {
		t.Fatalf("%T is answered with %v, want %s", in, err, code)
	}
	e, _ := errors.AsType[*api.Error](err)
	return *e
}

// Bucket makes a bucket as the administrator of an account, with versions or without.
func (w *World) Bucket(t testing.TB, account, name string, versioned bool) {
	t.Helper()
	c := Admin(account)
	Do[awss3.CreateBucketOutput](t, w, c, &awss3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: Central}})
	if versioned {
		Do[awss3.PutBucketVersioningOutput](t, w, c, &awss3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	}
}

// Account makes an account known, as grantees of access control lists must be.
func (w *World) Account(t testing.TB, id string) {
	t.Helper()
	err := w.DB.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertAccount(ctx, state.Account{ID: id, Name: id, Email: id + "@example.com", Status: "ACTIVE", CreatedAt: tx.Now})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Put puts an object and returns its version id.
func (w *World) Put(t testing.TB, c *api.Caller, bucket, key, content string) string {
	t.Helper()
	out := Do[awss3.PutObjectOutput](t, w, c, &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)})
	if out.VersionId == nil {
		return ""
	}
	return *out.VersionId
}

// Get reads an object, or a version of it.
func (w *World) Get(t testing.TB, c *api.Caller, bucket, key, version string) string {
	t.Helper()
	in := &awss3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	out := Do[awss3.GetObjectOutput](t, w, c, in)
	content, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("reading %s/%s: %v", bucket, key, err)
	}
	if err := out.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// authorizer evaluates the identity policies given to principals, administrators', and the resource policies of accesses.
type authorizer struct {
	mu       sync.Mutex
	identity map[string]*iampolicy.Policy // guarded by mu
}

var administrator = iampolicy.MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func (a *authorizer) Authorize(_ context.Context, c *api.Caller, accesses ...api.Access) error {
	for _, access := range accesses {
		r := iampolicy.Request{
			Principal: iampolicy.Principal{ARN: c.ARN, RoleARN: c.RoleARN, AccountID: c.AccountID, UserID: c.UserID, IsRoot: c.IsRoot(), Service: c.Service},
			Action:    access.Action, Resource: access.Resource, ResourceAccountID: access.ResourceAccountID, Context: access.Context,
		}
		if d := iampolicy.Evaluate(r, a.policies(c, access)); !d.Allowed {
			return &api.Error{Code: "AccessDenied", Message: d.Message(r)}
		}
	}
	return nil
}

func (a *authorizer) policies(c *api.Caller, access api.Access) iampolicy.Policies {
	policies := iampolicy.Policies{KeyPolicy: access.KeyPolicy}
	a.mu.Lock()
	identity := a.identity[c.ARN]
	a.mu.Unlock()
	if strings.HasSuffix(c.ARN, "/admin") {
		identity = administrator
	}
	if identity != nil {
		policies.Identity = []iampolicy.Source{{Name: "identity", Kind: iampolicy.Identity, Policy: identity}}
	}
	kind := iampolicy.Resource
	if access.KeyPolicy {
		kind = iampolicy.KeyPolicy
	}
	for _, p := range access.ResourcePolicies {
		policies.Resource = append(policies.Resource, iampolicy.Source{Name: p.Name, Kind: kind, Policy: iampolicy.MustParse(p.Document)})
	}
	for _, g := range access.Grants {
		policies.Grants = append(policies.Grants, iampolicy.Grant{ID: g, Grantee: c.ARN})
	}
	return policies
}

// forgetful keeps no record.
type forgetful struct{}

func (forgetful) Record(context.Context, *api.Record) {}
