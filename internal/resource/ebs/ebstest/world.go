// Package ebstest is a small house for tests of volumes and snapshots: KMS, EC2 and the EBS direct APIs behind a door
// that evaluates policies, over real archives in a temporary folder.
package ebstest

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/clock"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/page"
	engine "strongroom/internal/resource/ebs"
	"strongroom/internal/service/ebs"
	"strongroom/internal/service/ec2"
	"strongroom/internal/service/kms"
	"strongroom/internal/state"
)

// The accounts and Regions of the tests.
const (
	Member = "111111111111"
	Vault  = "222222222222"
	Region = "eu-central-1"
	North  = "eu-north-1"
)

// World is the house.
type World struct {
	T        testing.TB
	Dir      string
	DB       *state.DB
	Clock    *clock.Shifted
	Door     *api.Door
	Policies *Authorizer
	Archives *archives.Archives
	Engine   *engine.Engine
}

// New opens a house in a folder of its own.
func New(t testing.TB) *World {
	t.Helper()
	return Open(t, t.TempDir(), NewAuthorizer())
}

// Open opens the house in a folder, anew after a restart.
func Open(t testing.TB, dir string, policies *Authorizer) *World {
	t.Helper()
	w := &World{T: t, Dir: dir, Clock: clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), Policies: policies}
	var err error
	if w.DB, err = state.Open(t.Context(), filepath.Join(dir, "state.db"), w.Clock); err != nil {
		t.Fatal(err)
	}
	keeper := localsecrets.NewKeeper([32]byte{1, 2, 3})
	t.Cleanup(func() { _ = keeper.Close() })
	pages, err := page.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w.Door = api.NewDoor(policies, noRecords{})
	w.Door.Register(kms.New(kms.Config{DB: w.DB, Clock: w.Clock, Keeper: keeper, Door: w.Door, Pages: pages}).API())
	w.Archives = archives.New(archives.Config{Dir: filepath.Join(dir, "regions"), Door: w.Door, Keeper: keeper})
	w.Engine = engine.New(engine.Config{DB: w.DB, Clock: w.Clock, Door: w.Door, Dir: filepath.Join(dir, "regions"), Archives: w.Archives})
	w.Door.Register(ec2.New(ec2.Config{DB: w.DB, Engine: w.Engine, Door: w.Door, Pages: pages}).API())
	w.Door.Register(ebs.New(ebs.Config{DB: w.DB, Clock: w.Clock, Engine: w.Engine, Pages: pages}).API())
	if err := w.Engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// Close closes the house; closing it again does nothing.
func (w *World) Close() {
	if err := w.Engine.Close(); err != nil {
		w.T.Error(err)
	}
	_ = w.Archives.Close()
	_ = w.DB.Close()
}

// Reopen closes the house and opens it again, as after a restart.
func (w *World) Reopen() *World {
	w.T.Helper()
	w.Close()
	return Open(w.T, w.Dir, w.Policies)
}

// Admin is a user of an account who may do everything there.
func Admin(account string) *api.Caller { return User(account, "admin") }

// User is a user of an account who may do what [Authorizer.Allow] was told.
func User(account, name string) *api.Caller {
	return &api.Caller{
		AccountID: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDA" + strings.ToUpper(name), Region: Region, Secure: true,
	}
}

// Key makes a key of an account, with a policy, or KMS's default one if it is empty.
func (w *World) Key(c *api.Caller, policy string) string {
	w.T.Helper()
	in := &awskms.CreateKeyInput{}
	if policy != "" {
		in.Policy = &policy
	}
	return *Must[awskms.CreateKeyOutput](w, c, in).KeyMetadata.Arn
}

// Disable disables a key.
func (w *World) Disable(c *api.Caller, key string) {
	w.T.Helper()
	Must[awskms.DisableKeyOutput](w, c, &awskms.DisableKeyInput{KeyId: &key})
}

// Must makes a call that succeeds.
func Must[Out any](w *World, c *api.Caller, in any) *Out {
	w.T.Helper()
	out, err := api.Call[Out](w.T.Context(), w.Door, c, in)
	if err != nil {
		w.T.Fatalf("%T: %v", in, err)
	}
	return out
}

// Refused makes a call that must fail with a code.
func Refused[Out any](w *World, c *api.Caller, in any, code string) {
	w.T.Helper()
	_ = Refusal[Out](w, c, in, code)
}

// Refusal makes a call that must fail with a code and returns the error.
func Refusal[Out any](w *World, c *api.Caller, in any, code string) error {
	w.T.Helper()
	out, err := api.Call[Out](w.T.Context(), w.Door, c, in)
	if got := api.Code(err); got != code {
		w.T.Fatalf("%T: got %+v, %v; want an error with code %s", in, out, err, code)
	}
	return err
}

// Authorizer evaluates the identity policies given to principals, administrators' own, and the resource policies and
// grants of accesses.
type Authorizer struct {
	mu       sync.Mutex
	identity map[string]*iampolicy.Policy // by ARN; guarded by mu
}

// NewAuthorizer returns one that knows administrators only.
func NewAuthorizer() *Authorizer { return &Authorizer{identity: map[string]*iampolicy.Policy{}} }

// Allow gives a principal its identity policy.
func (a *Authorizer) Allow(c *api.Caller, document string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.identity[c.ARN] = iampolicy.MustParse(document)
}

var administrator = iampolicy.MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

// Authorize implements [api.Authorizer].
func (a *Authorizer) Authorize(_ context.Context, c *api.Caller, accesses ...api.Access) error {
	for _, access := range accesses {
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
		for _, p := range access.ResourcePolicies {
			policies.Resource = append(policies.Resource, iampolicy.Source{Name: p.Name, Kind: iampolicy.KeyPolicy, Policy: iampolicy.MustParse(p.Document)})
		}
		grantee := c.ARN
		if c.Service != "" {
			grantee = c.Service
		}
		for _, g := range access.Grants {
			policies.Grants = append(policies.Grants, iampolicy.Grant{ID: g, Grantee: grantee})
		}
		r := iampolicy.Request{
			Principal: iampolicy.Principal{
				ARN: c.ARN, RoleARN: c.RoleARN, AccountID: c.AccountID, UserID: c.UserID, IsRoot: c.IsRoot(), Service: c.Service,
			},
			Action: access.Action, Resource: access.Resource, ResourceAccountID: access.ResourceAccountID, Context: access.Context,
		}
		if d := iampolicy.Evaluate(r, policies); !d.Allowed {
			return &api.Error{Code: "AccessDenied", Message: d.Message(r)}
		}
	}
	return nil
}

type noRecords struct{}

func (noRecords) Record(context.Context, *api.Record) {}
