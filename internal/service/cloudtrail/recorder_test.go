package cloudtrail_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	trail "strongroom/internal/service/cloudtrail"
	"strongroom/internal/state"
)

const (
	member = "111111111111"
	vault  = "222222222222"
	region = "eu-central-1"
	keyARN = "arn:aws:kms:" + region + ":" + member + ":key/11111111-2222-4333-8444-555555555555"
)

// world is a recorder behind a door, with a toy service that has one operation that reads and two that write.
type world struct {
	*trail.Recorder
	db    *state.DB
	clock *clock.Shifted
	wall  *clock.Shifted
	door  *api.Door
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		clock: clock.NewFrozen(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		wall:  clock.NewFrozen(time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)),
	}
	var err error
	if w.db, err = state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), w.clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.Recorder = trail.NewRecorder(trail.RecorderConfig{DB: w.db, Clock: w.clock, Wall: w.wall})
	t.Cleanup(w.Close)
	w.door = api.NewDoor(allowed{}, w.Recorder)
	w.door.Register(trail.New(trail.Config{DB: w.db, Clock: w.clock, Recorder: w.Recorder, Pages: page.NewRandomSealer()}).API())
	w.door.Register(&api.Service{
		Name: "kms", EventSource: "kms.amazonaws.com", AccessDenied: "AccessDeniedException",
		Operations: []api.Operation{
			api.Op("", func(context.Context, *api.Caller, *kms.DecryptInput) (*kms.DecryptOutput, error) {
				return &kms.DecryptOutput{Plaintext: []byte("the secret"), KeyId: new(keyARN)}, nil
			}, onKey[kms.DecryptInput]).AsReadOnly(),
			api.Op("", func(context.Context, *api.Caller, *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
				return &kms.CreateGrantOutput{GrantId: new("g"), GrantToken: new("the token")}, nil
			}, onKey[kms.CreateGrantInput]),
			api.Op("", func(context.Context, *api.Caller, *kms.DisableKeyInput) (*kms.DisableKeyOutput, error) {
				return nil, api.Errorf("KMSInvalidStateException", "no")
			}, onKey[kms.DisableKeyInput]),
			api.Op("", func(context.Context, *api.Caller, *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
				return nil, api.Errorf("NotFoundException", "no")
			}, func(_ context.Context, c *api.Caller, in *kms.TagResourceInput) ([]api.Access, error) {
				return []api.Access{{Action: "kms:TagResource", Resource: *in.KeyId, ResourceAccountID: c.AccountID}}, nil
			}),
		},
	})
	return w
}

func onKey[In any](context.Context, *api.Caller, *In) ([]api.Access, error) {
	return []api.Access{{Action: "kms:Something", Resource: keyARN, ResourceAccountID: member}}, nil
}

// allowed allows everything but what the user "nobody" does.
type allowed struct{}

func (allowed) Authorize(_ context.Context, c *api.Caller, _ ...api.Access) error {
	if strings.HasSuffix(c.ARN, "/nobody") {
		return api.Errorf("AccessDenied", "no")
	}
	return nil
}

func user(account, name string) *api.Caller {
	return &api.Caller{
		AccountID: account, ARN: "arn:aws:iam::" + account + ":user/" + name, UserID: "AIDA1", AccessKeyID: "AKIA1",
		Region: region, SourceIP: "192.0.2.1", UserAgent: "aws-cli/2", RequestID: "r-1",
	}
}

func (w *world) call(t testing.TB, c *api.Caller, in any) {
	t.Helper()
	switch in.(type) {
	case *kms.DecryptInput:
		_, _ = api.Call[kms.DecryptOutput](t.Context(), w.door, c, in)
	case *kms.CreateGrantInput:
		_, _ = api.Call[kms.CreateGrantOutput](t.Context(), w.door, c, in)
	case *kms.TagResourceInput:
		_, _ = api.Call[kms.TagResourceOutput](t.Context(), w.door, c, in)
	case *kms.DisableKeyInput:
		_, _ = api.Call[kms.DisableKeyOutput](t.Context(), w.door, c, in)
	default:
		t.Fatalf("the toy service has no operation for %T", in)
	}
}

func (w *world) lookup(t testing.TB, account string, in *cloudtrail.LookupEventsInput) *cloudtrail.LookupEventsOutput {
	t.Helper()
	out, err := api.Call[cloudtrail.LookupEventsOutput](t.Context(), w.door, user(account, "auditor"), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// by is a request for one attribute.
func by(key types.LookupAttributeKey, value string) *cloudtrail.LookupEventsInput {
	return &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}}
}

// record is the CloudTrail record of the one event that a request finds.
func (w *world) record(t testing.TB, account string, in *cloudtrail.LookupEventsInput) map[string]any {
	t.Helper()
	events := w.lookup(t, account, in).Events
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	var d map[string]any
	if err := json.Unmarshal([]byte(*events[0].CloudTrailEvent), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func stored(t testing.TB, db *state.DB, account string) []state.Event {
	t.Helper()
	var events []state.Event
	err := db.View(t.Context(), func(ctx context.Context, tx *state.Tx) (err error) {
		events, err = tx.Events(ctx, state.EventFilter{AccountID: account, Region: region, Limit: 1 << 20})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestRecordOfACall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(member, "alice"), &kms.CreateGrantInput{
		KeyId: new("alias/k"), GrantTokens: []string{"another token"}, GranteePrincipal: new("p"),
	})
	got := w.record(t, member, by(types.LookupAttributeKeyEventName, "CreateGrant"))
	for _, unknown := range []string{"eventID"} {
		if got[unknown] == "" {
			t.Errorf("%s is empty", unknown)
		}
		delete(got, unknown)
	}
	want := map[string]any{
		"eventVersion": "1.11", "eventType": "AwsApiCall", "eventCategory": "Management", "managementEvent": true, "readOnly": false,
		"eventTime": "2026-01-01T00:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": "CreateGrant", "awsRegion": region,
		"sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2", "requestID": "r-1", "recipientAccountId": member,
		"userIdentity": map[string]any{
			"type": "IAMUser", "principalId": "AIDA1", "arn": "arn:aws:iam::" + member + ":user/alice", "accountId": member,
			"accessKeyId": "AKIA1", "userName": "alice",
		},
		"requestParameters": map[string]any{
			"keyId": "alias/k", "granteePrincipal": "p", "grantTokens": "HIDDEN_DUE_TO_SECURITY_REASONS",
		},
		"responseElements": map[string]any{"grantId": "g", "grantToken": "HIDDEN_DUE_TO_SECURITY_REASONS"},
		"resources":        []any{map[string]any{"ARN": keyARN, "accountId": member, "type": "AWS::KMS::Key"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestRecordsOfRolesAndServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := &api.Caller{
		AccountID: member, ARN: "arn:aws:sts::" + member + ":assumed-role/R/AWSBackup-1", RoleARN: "arn:aws:iam::" + member + ":role/service-role/R",
		UserID: "AROA1:AWSBackup-1", AccessKeyID: "ASIA1", Region: region,
		Session: &api.Session{Name: "AWSBackup-1", IssuedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	w.call(t, role.Through("backup.amazonaws.com", region), &kms.DecryptInput{CiphertextBlob: []byte("sealed")})
	got := w.record(t, member, by(types.LookupAttributeKeyUsername, "AWSBackup-1"))
	want := map[string]any{
		"type": "AssumedRole", "principalId": "AROA1:AWSBackup-1", "arn": role.ARN, "accountId": member, "accessKeyId": "ASIA1",
		"invokedBy": "backup.amazonaws.com",
		"sessionContext": map[string]any{
			"sessionIssuer": map[string]any{"type": "Role", "principalId": "AROA1", "arn": role.RoleARN, "accountId": member, "userName": "R"},
			"attributes":    map[string]any{"creationDate": "2026-01-01T00:00:00Z", "mfaAuthenticated": "false"},
		},
	}
	if diff := cmp.Diff(want, got["userIdentity"]); diff != "" {
		t.Errorf("userIdentity (-want +got):\n%s", diff)
	}
	if got["sourceIPAddress"] != "backup.amazonaws.com" || got["requestParameters"] != nil || got["responseElements"] != nil {
		t.Errorf("a record through a service: %v", got)
	}

	w.call(t, api.ServiceCaller("ec2.amazonaws.com", vault, region), &kms.CreateGrantInput{KeyId: new(keyARN)})
	for _, account := range []string{vault, member} {
		got := w.record(t, account, by(types.LookupAttributeKeyEventName, "CreateGrant"))
		if diff := cmp.Diff(map[string]any{"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, got["userIdentity"]); diff != "" {
			t.Errorf("a service's identity (-want +got):\n%s", diff)
		}
	}
}

func TestCallsAcrossAccountsAreRecordedInBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(vault, "bob"), &kms.CreateGrantInput{KeyId: new(keyARN)})
	w.call(t, user(vault, "nobody"), &kms.CreateGrantInput{KeyId: new(keyARN)})
	mine := w.record(t, vault, by(types.LookupAttributeKeyUsername, "bob"))
	theirs := w.record(t, member, &cloudtrail.LookupEventsInput{}) // and nothing of the call that was refused
	if mine["sharedEventID"] == nil || mine["sharedEventID"] != theirs["sharedEventID"] || mine["eventID"] == theirs["eventID"] {
		t.Errorf("events %v and %v share %v and %v", mine["eventID"], theirs["eventID"], mine["sharedEventID"], theirs["sharedEventID"])
	}
	if diff := cmp.Diff(map[string]any{"type": "AWSAccount", "principalId": "AIDA1", "accountId": vault}, theirs["userIdentity"]); diff != "" {
		t.Errorf("the other account's identity (-want +got):\n%s", diff)
	}
	if theirs["responseElements"] != nil || mine["responseElements"] == nil {
		t.Error("the answer belongs to the caller's record only")
	}
	if refused := w.record(t, vault, by(types.LookupAttributeKeyUsername, "nobody")); refused["errorCode"] != "AccessDenied" {
		t.Errorf("a refusal is recorded as %v", refused["errorCode"])
	}
}

// Nobody writes into another account's trail by naming an ARN of it.
func TestWhatACallerMakesUpIsRecordedWithTheCallerAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(vault, "bob"), &kms.TagResourceInput{KeyId: new(keyARN)})
	if mine := w.record(t, vault, by(types.LookupAttributeKeyUsername, "bob")); mine["errorCode"] != "NotFoundException" {
		t.Errorf("recorded as %v", mine["errorCode"])
	}
	if events := stored(t, w.db, member); len(events) > 0 {
		t.Errorf("the account that was named has %d events", len(events))
	}
}

func TestNoRecordShowsASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(member, "a"), &kms.DecryptInput{CiphertextBlob: []byte("sealed"), GrantTokens: []string{"the token"}})
	w.call(t, user(member, "a"), &kms.CreateGrantInput{})
	w.Flush(t.Context())
	for _, e := range stored(t, w.db, member) {
		for _, secret := range []string{"the secret", "the token", "sealed"} {
			for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
				if strings.Contains(e.Document, form) {
					t.Errorf("%s shows %q: %s", e.Name, secret, e.Document)
				}
			}
		}
	}
}

func TestWritesAreDurableWhenTheyReturn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls sync.WaitGroup
	for range 40 {
		calls.Go(func() { w.call(t, user(member, "a"), &kms.CreateGrantInput{KeyId: new("k")}) })
	}
	calls.Wait()
	if n := len(stored(t, w.db, member)); n != 40 {
		t.Fatalf("%d of 40 calls are kept when they return", n)
	}
}

func TestReadsWaitForCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		w.call(t, user(member, "a"), &kms.DecryptInput{})
	}
	if n := len(stored(t, w.db, member)); n != 0 {
		t.Errorf("%d records of reads were written at once", n)
	}
	w.call(t, user(member, "a"), &kms.CreateGrantInput{}) // takes them along
	if n := len(stored(t, w.db, member)); n != 6 {
		t.Errorf("%d records after a write, want 6", n)
	}
	w.call(t, user(member, "a"), &kms.DecryptInput{})
	w.Close()
	if n := len(stored(t, w.db, member)); n != 7 {
		t.Errorf("%d records after Close, want 7", n)
	}
	w.call(t, user(member, "a"), &kms.DecryptInput{})
	if n := len(stored(t, w.db, member)); n != 8 {
		t.Errorf("%d records after a late call, want 8", n)
	}
	w.Close()
}

func TestReadsDoNotWaitLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(member, "a"), &kms.DecryptInput{})
	for len(stored(t, w.db, member)) == 0 { // until the recorder has seen the record and its time has come
		w.wall.Advance(200 * time.Millisecond)
	}
}

func TestRecordsAreKeptForNinetyDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(member, "a"), &kms.CreateGrantInput{})
	w.clock.Advance(90 * 24 * time.Hour)
	w.call(t, user(member, "b"), &kms.CreateGrantInput{})
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(stored(t, w.db, member)); n != 2 {
		t.Fatalf("%d records on the ninetieth day, want 2", n)
	}
	w.clock.Advance(time.Second)
	if n := len(w.lookup(t, member, by(types.LookupAttributeKeyUsername, "a")).Events); n != 0 {
		t.Error("an old record is shown before the sweep")
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range stored(t, w.db, member) {
		if e.Username == "a" {
			t.Error("an old record is kept")
		}
	}
	if n := len(w.lookup(t, member, by(types.LookupAttributeKeyUsername, "b")).Events); n != 1 {
		t.Errorf("%d younger records, want 1", n)
	}
}

func TestServiceEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vaultARN := "arn:aws:backup:" + region + ":" + member + ":backup-vault:main"
	w.RecordServiceEvent(t.Context(), member, region, "BackupJobCompleted", map[string]any{
		"backupJobId": "J", "backupVaultArn": vaultARN, "percentDone": 100, "state": "COMPLETED",
	})
	for _, name := range []string{vaultARN, "main"} {
		got := w.record(t, member, by(types.LookupAttributeKeyResourceName, name))
		details, _ := got["serviceEventDetails"].(map[string]any)
		if got["eventType"] != "AwsServiceEvent" || got["eventSource"] != "backup.amazonaws.com" || details["backupJobId"] != "J" {
			t.Errorf("the service's event: %v", got)
		}
		if diff := cmp.Diff(map[string]any{"accountId": member, "invokedBy": "backup.amazonaws.com"}, got["userIdentity"]); diff != "" {
			t.Errorf("userIdentity (-want +got):\n%s", diff)
		}
	}
}

func TestLookupAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(t, user(member, "alice"), &kms.CreateGrantInput{})
	w.call(t, user(member, "bob"), &kms.DecryptInput{})
	w.call(t, user(member, "bob"), &kms.DisableKeyInput{})
	all := w.lookup(t, member, &cloudtrail.LookupEventsInput{}).Events
	var order []string
	for _, e := range all {
		order = append(order, *e.EventName)
	}
	if diff := cmp.Diff([]string{"DisableKey", "Decrypt", "CreateGrant"}, order); diff != "" {
		t.Fatalf("newest first (-want +got):\n%s", diff)
	}
	if failed := w.record(t, member, by(types.LookupAttributeKeyEventName, "DisableKey")); failed["errorCode"] != "KMSInvalidStateException" || failed["errorMessage"] != "no" {
		t.Errorf("a failed call: %v", failed)
	}
	end := w.clock.Now()
	w.clock.Advance(time.Second) // what looks up is not looked up
	for _, test := range []struct {
		key   types.LookupAttributeKey
		value string
		want  int
	}{
		{types.LookupAttributeKeyEventId, *all[1].EventId, 1},
		{types.LookupAttributeKeyEventName, "Decrypt", 1},
		{types.LookupAttributeKeyReadOnly, "true", 3}, // with the two lookups above
		{types.LookupAttributeKeyReadOnly, "false", 2},
		{types.LookupAttributeKeyUsername, "bob", 2},
		{types.LookupAttributeKeyAccessKeyId, "AKIA1", 5},
		{types.LookupAttributeKeyResourceType, "AWS::KMS::Key", 3},
		{types.LookupAttributeKeyResourceName, keyARN, 3},
		{types.LookupAttributeKeyResourceName, keyARN[strings.IndexByte(keyARN, '/')+1:], 3},
		{types.LookupAttributeKeyEventSource, "kms.amazonaws.com", 3},
		{types.LookupAttributeKeyEventName, "decrypt", 0},
	} {
		in := by(test.key, test.value)
		in.EndTime = &end
		if got := len(w.lookup(t, member, in).Events); got != test.want {
			t.Errorf("%s = %s finds %d events, want %d", test.key, test.value, got, test.want)
		}
	}
	if n := len(w.lookup(t, vault, &cloudtrail.LookupEventsInput{}).Events); n != 0 {
		t.Errorf("another account sees %d events", n)
	}
}

func TestLookupPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []string
	for i := range 7 {
		name := fmt.Sprint("user", i)
		want = append([]string{name}, want...)
		w.call(t, user(member, name), &kms.CreateGrantInput{})
		if i%2 == 0 {
			w.clock.Advance(time.Second) // some events share their time
		}
	}
	for _, key := range []types.LookupAttributeKey{types.LookupAttributeKeyEventName, types.LookupAttributeKeyResourceName} {
		value := "CreateGrant"
		if key == types.LookupAttributeKeyResourceName {
			value = keyARN
		}
		in := by(key, value)
		in.MaxResults = new(int32(3))
		var got []string
		for {
			out := w.lookup(t, member, in)
			for _, e := range out.Events {
				got = append(got, *e.Username)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	first := by(types.LookupAttributeKeyEventName, "CreateGrant")
	first.MaxResults = new(int32(1))
	token := w.lookup(t, member, first).NextToken
	between := &cloudtrail.LookupEventsInput{StartTime: new(time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)), EndTime: new(time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC))}
	if n := len(w.lookup(t, member, between).Events); n != 2 {
		t.Errorf("%d events in one second, want 2", n)
	}
	for code, in := range map[string]*cloudtrail.LookupEventsInput{
		"InvalidNextTokenException":        {NextToken: token},
		"InvalidMaxResultsException":       {MaxResults: new(int32(51))},
		"InvalidTimeRangeException":        {StartTime: new(time.Unix(2, 0)), EndTime: new(time.Unix(1, 0))},
		"InvalidLookupAttributesException": {LookupAttributes: []types.LookupAttribute{{AttributeKey: "Colour", AttributeValue: new("x")}}},
		"InvalidEventCategoryException":    {EventCategory: "Data"},
	} {
		if _, err := api.Call[cloudtrail.LookupEventsOutput](t.Context(), w.door, user(member, "a"), in); api.Code(err) != code {
			t.Errorf("answered %v, want %s", err, code)
		}
	}
}

func BenchmarkRecordOfARead(b *testing.B) {
	w := newWorld(b)
	op := w.door.Operation("kms", "Decrypt")
	c := user(member, "a").Through("s3.amazonaws.com", region)
	r := &api.Record{
		Caller: c, Operation: op, Input: &kms.DecryptInput{EncryptionContext: map[string]string{"aws:s3:arn": "arn:aws:s3:::b/k"}},
		Output: &kms.DecryptOutput{}, Resources: []string{keyARN},
	}
	for b.Loop() {
		w.Record(b.Context(), r)
	}
	w.Flush(b.Context())
}
