package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"strongroom/internal/strongroomtest"
	"strongroom/rules"
)

// mishap is one entry of the catalogue as it happens: a mistake, what is told of it, and how the entry's cure puts it right.
type mishap struct {
	id      string // of rules.Catalogue
	mistake string
	// values stand for the names in the entry's text.
	values func(w *wreck) rules.Values
	// state is that of the job: FAILED, unless it says otherwise.
	state string
	// prefix stands in front of the text.
	prefix string
	// make makes the mistake, where trying alone does not.
	make func(w *wreck)
	// try is what goes wrong.
	try func(w *wreck) telling
	// cure does what the entry says, with its statements and parameters, by a call of the kind that it names: then, or when
	// it is tried again.
	cure func(w *wreck, fix rules.Fix)
	// again is what is tried after the cure; try if nil. It must succeed.
	again func(w *wreck) telling
}

// wreck is where mishaps happen.
type wreck struct {
	*strongroomtest.Server
	t          *testing.T
	m, b       *party // the member account, and the backup account in the other Region
	boss       *party // the management account
	user       *party // somebody of the member account with fewer rights
	calls      []string
	job        string            // the last one that ended
	names      map[string]string // what mishaps note down: ARNs of points, ids of plans
	selections int               // and plans that were asked for
	outage     *outage           // of the home Region's store; nil where it cannot be taken away
	restore    func()            // what a mishap leaves to do when it is over; nil for nothing
}

// crash makes the world of the mishaps of one table: accounts with roles for jobs, and vaults and keys.
func crash(t *testing.T, s *strongroomtest.Server) *wreck {
	t.Helper()
	w := &wreck{Server: s, t: t, names: map[string]string{}}
	for _, p := range []struct {
		to              **party
		account, region string
	}{{&w.m, member, home}, {&w.b, vaulted, north}, {&w.boss, management, home}} {
		entered := enter(t, s, p.account, p.region)
		entered.config.APIOptions = append(entered.config.APIOptions, w.record)
		*p.to = newParty(p.account, entered.config)
	}
	return w
}

// record notes each call that a client makes: "backup:StartCopyJob".
func (w *wreck) record(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("record", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		w.calls = append(w.calls, strings.ToLower(awsmiddleware.GetServiceID(ctx))+":"+awsmiddleware.GetOperationName(ctx))
		return next.HandleInitialize(ctx, in)
	}), middleware.After)
}

// telling is what somebody is told: the end of a job, the error of a call, or an event.
type telling struct {
	moment            rules.Moment
	state             string // of a job
	message, category string
	err               rules.Exception // of a call
}

var well = telling{}

// happens has the mishaps of a table happen one after the other, each cured before the next.
func happens(t *testing.T, w *wreck, table []mishap) {
	t.Helper()
	for _, m := range table {
		t.Run(m.id+" "+m.mistake, func(t *testing.T) {
			w.t = t
			entry, known := rules.EntryOf(m.id)
			if !known || entry.Unreachable != "" {
				t.Fatalf("%s is no entry that can be met", m.id)
			}
			if m.make != nil {
				m.make(w)
			}
			got := m.try(w)
			var values rules.Values
			if m.values != nil {
				values = m.values(w)
			}
			refusal := entry.Refuse(values)
			want := telling{moment: got.moment, message: m.prefix + refusal.Message}
			switch {
			case !slices.Contains(entry.Moments, got.moment):
				t.Errorf("it was told as %q, which is not one of %q: %+v", got.moment, entry.Moments, got)
			case got.moment == rules.AtOnce:
				want.err = entry.Error
				want.err.Status = max(want.err.Status, http.StatusBadRequest)
				if entry.Text == "" {
					want.message = got.message
				}
			case got.moment != rules.InEvent:
				want.state = "FAILED"
				if m.state != "" {
					want.state = m.state
				}
				if got.moment != rules.InRestore { // restore jobs have no category
					want.category = entry.Category
				}
			}
			if got != want {
				t.Errorf("told:\n%+v\nwant:\n%+v", got, want)
			}
			if got.state == "FAILED" || got.moment == rules.InBackup && got.state == "COMPLETED" && got.message != "" { // with issues
				w.explains(m.id)
			}
			w.calls = nil
			if m.cure != nil {
				m.cure(w, refusal.Fix)
			}
			again := m.again
			if again == nil {
				again = m.try
			}
			if got := again(w); got != well {
				t.Errorf("after the cure: %+v", got)
			}
			if call := entry.Cure.Call; call != "" && !slices.Contains(w.calls, call) {
				t.Errorf("the cure is %s, and what was called is %q", call, w.calls)
			}
			if w.restore != nil {
				w.restore()
				w.restore = nil
			}
		})
	}
}

// TestEveryRefusalHappens: each entry of the catalogue that can be met here has one mishap, and no other has.
func TestEveryRefusalHappens(t *testing.T) {
	t.Parallel()
	happened := map[string]int{}
	for _, m := range slices.Concat(copyMishaps, plannedCopyMishaps, heldMishaps, fewCopiesMishaps, vaultMishaps, planMishaps, backupMishaps, restoreMishaps, currentMishaps, damageMishaps, databaseMishaps) {
		happened[m.id]++
	}
	for _, entry := range rules.Catalogue() {
		want := 1
		if entry.Unreachable != "" {
			want = 0
		}
		if n := happened[entry.ID]; n != want {
			t.Errorf("%s has %d mishaps, want %d: %s", entry.ID, n, want, entry.Text)
		}
		delete(happened, entry.ID)
	}
	if len(happened) > 0 {
		t.Errorf("mishaps of no entry: %v", happened)
	}
}

// unfilled is a name of the catalogue's that nobody has put anything in the place of.
var unfilled = regexp.MustCompile(`<[a-z]+>`)

// explains sees that the explanation of the job that failed last is the entry too: of the first gate that it met shut.
func (w *wreck) explains(id string) {
	w.t.Helper()
	x := must(w.Admin.Explain(w.t.Context(), w.job))(w.t, "explaining job "+w.job)
	for _, gate := range x.Gates {
		if gate.Refusal != nil {
			if gate.Refusal.ID != id {
				w.t.Errorf("explain says %s (%s) of a job that failed by %s", gate.Refusal.ID, gate.Gate, id)
			}
			told := fmt.Sprint(gate.Refusal.Message, gate.Refusal.Cause, gate.Refusal.Fix, gate.Cures)
			if open := unfilled.FindString(told); open != "" {
				w.t.Errorf("explain leaves %s open: %s", open, told)
			}
			return
		}
	}
	w.t.Errorf("explain has no refusal of a job that failed by %s: %+v", id, x.Gates)
}

// call is what the error of a call tells.
func (w *wreck) call(_ any, err error) telling {
	w.t.Helper()
	if err == nil {
		return well
	}
	var e smithy.APIError
	var response *awshttp.ResponseError
	if !errors.As(err, &e) || !errors.As(err, &response) {
		w.t.Fatalf("no answer of the service: %v", err)
	}
	got := telling{moment: rules.AtOnce, message: e.ErrorMessage(), err: rules.Exception{Code: e.ErrorCode(), Status: response.HTTPStatusCode()}}
	if number := reflect.Indirect(reflect.ValueOf(e)).FieldByName("Code"); number.Kind() == reflect.Pointer && !number.IsNil() {
		got.err.Number = number.Elem().String()
	}
	return got
}

func job(moment rules.Moment, state string, message, category *string) telling {
	if state == "COMPLETED" && aws.ToString(message) == "" {
		return well
	}
	return telling{moment: moment, state: state, message: aws.ToString(message), category: aws.ToString(category)}
}

// backup backs a resource up as a role, with changes to the request, and tells how that ends.
func (w *wreck) backup(role, vault, resource string, change ...func(*backup.StartBackupJobInput)) telling {
	w.t.Helper()
	in := &backup.StartBackupJobInput{BackupVaultName: &vault, ResourceArn: &resource, IamRoleArn: aws.String("arn:aws:iam::" + w.m.id + ":role/" + role)}
	for _, change := range change {
		change(in)
	}
	out, err := w.m.backup.StartBackupJob(w.t.Context(), in)
	if err != nil {
		return w.call(out, err)
	}
	return w.backupEnded(*out.BackupJobId)
}

func (w *wreck) backupEnded(id string) telling {
	w.t.Helper()
	out := w.m.backedUp(w.t, id)
	w.job = id
	return job(rules.InBackup, string(out.State), out.StatusMessage, out.MessageCategory)
}

// copy copies a recovery point and tells how that ends.
func (w *wreck) copy(p *party, point, vault, destination string) telling {
	w.t.Helper()
	out := p.copyJob(w.t, point, vault, destination)
	w.job = *out.CopyJobId
	return job(rules.InCopy, string(out.State), out.StatusMessage, out.MessageCategory)
}

// bring restores a recovery point as a role and tells how that ends.
func (w *wreck) bring(role, point string, metadata map[string]string) telling {
	w.t.Helper()
	started, err := w.m.backup.StartRestoreJob(w.t.Context(), &backup.StartRestoreJobInput{
		RecoveryPointArn: &point, IamRoleArn: aws.String("arn:aws:iam::" + w.m.id + ":role/" + role), Metadata: metadata,
	})
	if err != nil {
		return w.call(started, err)
	}
	out := w.m.restored(w.t, *started.RestoreJobId)
	w.job = *started.RestoreJobId
	return job(rules.InRestore, string(out.Status), out.StatusMessage, nil)
}

// restored waits for the end of a restore job.
func (p *party) restored(t *testing.T, id string) *backup.DescribeRestoreJobOutput {
	t.Helper()
	var out *backup.DescribeRestoreJobOutput
	eventually(t.Context(), t, "the end of restore job "+id, func() (done bool, err error) {
		if out, err = p.backup.DescribeRestoreJob(t.Context(), &backup.DescribeRestoreJobInput{RestoreJobId: &id}); err != nil {
			return false, err
		}
		return out.Status != backuptypes.RestoreJobStatusPending && out.Status != backuptypes.RestoreJobStatusRunning, errors.New(string(out.Status) + ": " + aws.ToString(out.StatusMessage))
	})
	return out
}

// may sets the one inline policy of a role.
func (w *wreck) may(p *party, role string, statements ...statement) {
	w.t.Helper()
	must(p.iam.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("may"), PolicyDocument: policy(statements...)}))(w.t, "setting the policy of "+role)
}

// mayToo adds a statement of a cure to a role, as a policy of its own.
func (w *wreck) mayToo(p *party, role, text string) {
	w.t.Helper()
	must(p.iam.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("cure"), PolicyDocument: document(text)}))(w.t, "curing "+role)
}

// document is a policy of statements given as JSON.
func document(statements ...string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
}

func allow(actions ...string) statement {
	return statement{"Effect": "Allow", "Action": actions, "Resource": "*"}
}

func named(pairs ...string) func(*wreck) rules.Values {
	return func(*wreck) rules.Values { return rules.Values{}.With(pairs...) }
}
