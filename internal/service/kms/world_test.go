package kms_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"gocloud.dev/secrets"
	"gocloud.dev/secrets/localsecrets"

	"strongroom/clock"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/service/kms"
	"strongroom/internal/state"
)

const (
	member = "111111111111"
	vault  = "222222222222"
	region = "eu-central-1"
	north  = "eu-north-1"
)

// world is KMS behind a door that really evaluates policies.
type world struct {
	*kms.Service
	db    *state.DB
	clock *clock.Shifted
	door  *api.Door
	auth  *authorizer
	kept  *records

	parameters sync.Map // of imports, see [world.importing]
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		clock: clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		auth:  &authorizer{identity: map[string]*iampolicy.Policy{}, missing: map[string]bool{}},
		kept:  &records{},
	}
	var err error
	if w.db, err = state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), w.clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.door = api.NewDoor(w.auth, w.kept)
	w.Service = w.open(t, localsecrets.NewKeeper([32]byte{1, 2, 3}))
	w.door.Register(w.API())
	return w
}

// open returns the service anew over the same store, as after a restart.
func (w *world) open(t testing.TB, keeper *secrets.Keeper) *kms.Service {
	t.Helper()
	t.Cleanup(func() { _ = keeper.Close() })
	return kms.New(kms.Config{
		DB: w.db, Clock: w.clock, Keeper: keeper, Door: w.door, Pages: page.NewRandomSealer(),
		PrincipalExists: func(_ context.Context, arn string) (bool, error) { return !w.auth.missing[arn], nil },
	})
}

// admin is a user of an account that may do everything there.
func admin(account string) *api.Caller { return user(account, "admin") }

func user(account, name string) *api.Caller {
	return &api.Caller{
		AccountID: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDA" + strings.ToUpper(name), Region: region, Secure: true,
	}
}

func role(account, name string) *api.Caller {
	return &api.Caller{
		AccountID: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/session",
		RoleARN: "arn:aws:iam::" + account + ":role/" + name, UserID: "AROA:session", Region: region, Secure: true,
		Session: &api.Session{Name: "session"},
	}
}

// authorizer evaluates the identity policies given to principals, administrators', and the resource policies of accesses.
type authorizer struct {
	mu       sync.Mutex
	identity map[string]*iampolicy.Policy
	missing  map[string]bool // principals that do not exist
}

func (a *authorizer) allow(c *api.Caller, document string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.identity[c.ARN] = iampolicy.MustParse(document)
}

var administrator = iampolicy.MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func (a *authorizer) Authorize(_ context.Context, c *api.Caller, accesses ...api.Access) error {
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
		principal := iampolicy.Principal{
			ARN: c.ARN, RoleARN: c.RoleARN, AccountID: c.AccountID, UserID: c.UserID, IsRoot: c.IsRoot(), Service: c.Service,
		}
		for _, g := range access.Grants {
			grantee := c.ARN
			if c.Service != "" {
				grantee = c.Service
			}
			policies.Grants = append(policies.Grants, iampolicy.Grant{ID: g, Grantee: grantee})
		}
		r := iampolicy.Request{
			Principal: principal, Action: access.Action, Resource: access.Resource, ResourceAccountID: access.ResourceAccountID,
			Context: access.Context,
		}
		if d := iampolicy.Evaluate(r, policies); !d.Allowed {
			return &api.Error{Code: "AccessDenied", Message: d.Message(r)}
		}
	}
	return nil
}

// records keeps what was recorded.
type records struct {
	mu  sync.Mutex
	all []*api.Record
}

func (r *records) Record(_ context.Context, one *api.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

// do makes a call that must succeed.
func do[Out any](t testing.TB, w *world, c *api.Caller, in any) *Out {
	t.Helper()
	out, err := api.Call[Out](t.Context(), w.door, c, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

// refused makes a call that must be answered with an error code, and returns the message.
func refused[Out any](t testing.TB, w *world, c *api.Caller, in any, code string) string {
	t.Helper()
	_, err := api.Call[Out](t.Context(), w.door, c, in)
	if api.Code(err) != code {
		t.Fatalf("%T is answered with %v, want %s", in, err, code)
	}
	e, _ := errors.AsType[*api.Error](err)
	return e.Message
}

// newKey makes a key as the account's administrator, with a policy or without.
func (w *world) newKey(t testing.TB, account, policy string) *types.KeyMetadata {
	t.Helper()
	in := &awskms.CreateKeyInput{}
	if policy != "" {
		in.Policy = &policy
	}
	return do[awskms.CreateKeyOutput](t, w, admin(account), in).KeyMetadata
}

// dataKey makes a data key under an encryption context.
func (w *world) dataKey(t testing.TB, c *api.Caller, key string, encryptionContext map[string]string) *awskms.GenerateDataKeyOutput {
	t.Helper()
	return do[awskms.GenerateDataKeyOutput](t, w, c, &awskms.GenerateDataKeyInput{
		KeyId: &key, KeySpec: types.DataKeySpecAes256, EncryptionContext: encryptionContext,
	})
}

// keep adds a record of CloudTrail about a key, as of now.
func (w *world) keep(t testing.TB, key, operation, id string, document map[string]any) {
	t.Helper()
	text, err := json.Marshal(document)
	must(t, err)
	must(t, w.db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		return tx.InsertEvents(ctx, []state.Event{{
			ID: id, AccountID: member, Region: region, At: tx.Now, Name: operation, Source: "kms.amazonaws.com", Document: string(text),
			Resources: []state.EventResource{{Type: "AWS::KMS::Key", Name: key}},
		}})
	}))
}
