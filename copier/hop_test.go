package copier

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// started checks how many copy jobs there are.
func (b *bench) started(t *testing.T, want int) {
	t.Helper()
	if len(b.jobs) != want {
		t.Fatalf("there are %d copy jobs, want %d: %+v", len(b.jobs), want, b.jobs)
	}
}

// reasons are those of the dead letters.
func (b *bench) reasons() (all []string) {
	for _, m := range b.dead {
		all = append(all, *m.MessageAttributes[ReasonAttribute].StringValue)
	}
	return all
}

func TestAnArrivedPointIsCopiedOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point := b.arrive(0, 1, func(p *types.RecoveryPointByBackupVault) {
		p.Lifecycle = &types.Lifecycle{DeleteAfterDays: aws.Int64(35), DeleteAfterEvent: "DELETE_AFTER_COPY"}
	})
	if v := b.tell(t, firstHop(point)); !v.Done || v.Err != nil {
		t.Fatalf("the verdict is %+v", v)
	}
	b.started(t, 1)
	in := b.asked["job-0"]
	if *in.RecoveryPointArn != point || *in.SourceBackupVaultName != "first" || *in.DestinationBackupVaultArn != finalVault || *in.IamRoleArn != role ||
		*in.Lifecycle.DeleteAfterDays != 35 || in.Lifecycle.DeleteAfterEvent != "" {
		t.Errorf("the job was asked for with %+v", in)
	}
}

// Whatever comes again, late, or from two sides begins no second job, at any stage of the first.
func TestAHopIsMadeOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point, asked := b.arrive(0, 1), 0
	all := func(stage string) {
		t.Helper()
		arrived := strings.Replace(strings.Replace(firstHop(point), "Copy Job State Change", "Recovery Point State Change", 1), `"detail":{`, `"detail":{"status":"COMPLETED","backupVaultArn":"`+firstVault+`",`, 1)
		arrived = strings.Replace(arrived, "arn:aws:rds:eu-central-1:111111111111:snapshot:awsbackup:job-x", point, 1)
		var both sync.WaitGroup
		for _, event := range []string{firstHop(point), firstHop(point), arrived} {
			both.Go(func() {
				if v := b.tell(t, event); !v.Done {
					t.Errorf("%s: the verdict is %+v", stage, v)
				}
			})
		}
		both.Go(func() {
			if report, err := b.Reconcile(t.Context()); err != nil || len(report.Stuck) > 0 {
				t.Errorf("%s: the reconciliation says %+v, %v", stage, report, err)
			}
		})
		both.Wait()
		b.started(t, 1)
		if calls := b.calls["StartCopyJob"]; asked == 0 {
			asked = calls
		} else if calls != asked {
			t.Errorf("%s: a look would have told that there is nothing to start, but it asked for a job", stage)
		}
	}
	all("fresh")
	b.jobs[0].State = types.CopyJobStateRunning
	all("running")
	b.end(0, types.CopyJobStateCompleted, "", "")
	all("completed")
	b.pass(3 * 24 * time.Hour)
	b.jobs[0].CreationDate = aws.Time(b.now)
	all("late")
	b.vaults[finalVault] = nil // whoever deleted it meant to
	all("the final copy was deleted")
	b.vaults[firstVault] = nil
	all("the intermediate copy was removed")
	if len(b.dead) > 0 {
		t.Errorf("there are dead letters: %v", b.reasons())
	}
}

// A copy that somebody else made, of which there is no record any more, is told by its resource and its creation date.
func TestACopyThatIsThereIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point := b.arrive(0, 40)
	b.tell(t, firstHop(point))
	b.end(0, types.CopyJobStateCompleted, "", "")
	b.jobs, b.tokens = nil, map[string]string{}
	other := b.arrive(1, 40, func(p *types.RecoveryPointByBackupVault) {
		p.CreationDate = aws.Time(b.vaults[firstVault][0].CreationDate.Add(50 * time.Millisecond))
	})
	b.tell(t, firstHop(point))
	b.started(t, 0)
	b.tell(t, firstHop(other)) // of the same resource, a moment later
	b.started(t, 1)
}

// A copy that no job from the point has brought is taken for the hop only if it is whole and stays.
func TestACopyThatIsThereMustBeUsable(t *testing.T) {
	t.Parallel()
	for status, want := range map[types.RecoveryPointStatus]struct{ started, waiting, delivered int }{
		types.RecoveryPointStatusCompleted: {delivered: 1},
		types.RecoveryPointStatusAvailable: {delivered: 1},
		types.RecoveryPointStatusCreating:  {waiting: 1},
		types.RecoveryPointStatusPartial:   {started: 1},
		types.RecoveryPointStatusDeleting:  {started: 1},
		types.RecoveryPointStatusExpired:   {started: 1},
		types.RecoveryPointStatusStopped:   {started: 1},
	} {
		prepare := func(change ...func(*types.RecoveryPointByBackupVault)) (*bench, string) {
			b := newBench(t, nil)
			point := b.arrive(0, 10, change...)
			there := b.vaults[firstVault][0]
			there.RecoveryPointArn, there.Status = aws.String("arn:aws:rds:eu-north-1:222222222222:snapshot:awsbackup:by-hand"), status
			b.vaults[finalVault] = append(b.vaults[finalVault], there)
			return b, point
		}
		b, point := prepare()
		if v := b.tell(t, firstHop(point)); v.Done != (want.waiting == 0) || v.Err != nil || len(b.dead) > 0 {
			t.Errorf("%s: the verdict is %+v, the dead letters: %v", status, v, b.reasons())
		}
		b.started(t, want.started)
		b.tell(t, firstHop(point))
		b.started(t, want.started)

		b, _ = prepare()
		if report, err := b.Reconcile(t.Context()); err != nil || report.Started != want.started || report.Waiting != want.waiting || report.Delivered != want.delivered {
			t.Errorf("%s: the reconciliation says %+v, %v", status, report, err)
		}
		b, point = prepare(func(p *types.RecoveryPointByBackupVault) { // whose time is over
			p.Lifecycle = &types.Lifecycle{DeleteAfterDays: aws.Int64(7)}
		})
		b.tell(t, firstHop(point))
		b.started(t, 0)

		b, point = prepare()
		whole := b.vaults[finalVault][0]
		whole.RecoveryPointArn, whole.Status = aws.String("arn:aws:rds:eu-north-1:222222222222:snapshot:awsbackup:whole"), types.RecoveryPointStatusCompleted
		b.vaults[finalVault] = append([]types.RecoveryPointByBackupVault{whole}, b.vaults[finalVault]...) // beside it, in either order
		b.tell(t, firstHop(point))
		slices.Reverse(b.vaults[finalVault])
		b.tell(t, firstHop(point))
		b.started(t, 0)
	}
}

// Somebody may remove a point while it is copied on; its message waits until it is known whether the copy was made.
func TestAPointThatGoesWhileItIsCopiedOn(t *testing.T) {
	t.Parallel()
	for _, end := range []types.CopyJobState{types.CopyJobStateCompleted, types.CopyJobStateFailed} {
		b := newBench(t, map[string]string{"FINAL_VAULTS": finalVault + "," + thirdVault})
		point := b.arrive(0, 1)
		b.tell(t, firstHop(point))
		b.end(0, types.CopyJobStateCompleted, "", "")
		b.jobs[1].State = types.CopyJobStateRunning
		byHand := b.jobs[0] // to a vault that is none of the copier's
		byHand.CopyJobId, byHand.DestinationBackupVaultArn, byHand.State = aws.String("by-hand"), aws.String(strings.Replace(finalVault, "final", "other", 1)), types.CopyJobStateFailed
		before := b.jobs[0] // the attempt before the one that made the copy
		before.CopyJobId, before.State, before.CreationDate = aws.String("before"), types.CopyJobStateFailed, aws.Time(b.now.Add(-time.Hour))
		b.jobs = append(b.jobs, byHand, before)
		b.vaults[firstVault] = nil
		if v := b.tell(t, firstHop(point)); v.Done || v.Err != nil || v.After != betweenLooks || len(b.dead) > 0 {
			t.Errorf("under way: the verdict is %+v, the dead letters: %v", v, b.reasons())
		}
		b.end(1, end, "the source is gone", "")
		want := map[types.CopyJobState][]string{types.CopyJobStateFailed: {"gone"}}[end] // one of two final copies is lacking
		if v := b.tell(t, firstHop(point)); !v.Done || !slices.Equal(b.reasons(), want) {
			t.Errorf("%s: the verdict is %+v, the dead letters: %v", end, v, b.reasons())
		}
		b.started(t, 4)
	}
}

// A copy that somebody made elsewhere is not the hop.
func TestAPointThatWasOnlyCopiedElsewhereIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point := b.arrive(0, 1)
	b.tell(t, firstHop(point))
	b.end(0, types.CopyJobStateCompleted, "", "")
	b.jobs[0].DestinationBackupVaultArn = aws.String(strings.Replace(finalVault, "final", "other", 1))
	b.vaults[firstVault] = nil
	if v := b.tell(t, firstHop(point)); !v.Done || !slices.Equal(b.reasons(), []string{"gone"}) {
		t.Errorf("the verdict is %+v, the dead letters: %v", v, b.reasons())
	}
}

func TestAFailedHopIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"BACKOFF": "10m", "MAX_ATTEMPTS": "3"})
	point := b.arrive(0, 1)
	b.tell(t, firstHop(point))
	for n, pause := range []time.Duration{10 * time.Minute, 20 * time.Minute} {
		failed := secondHop(b.end(n, types.CopyJobStateFailed, "Rate exceeded", "LIMIT_EXCEEDED"))
		if v := b.tell(t, failed); v.Done || v.Err != nil || v.After != pause {
			t.Fatalf("after failure %d the verdict is %+v", n+1, v)
		}
		b.started(t, n+1)
		b.pass(pause)
		var both sync.WaitGroup
		for range 3 { // copiers that see the same failure make the same token
			both.Go(func() { b.tell(t, failed) })
		}
		both.Wait()
		b.started(t, n+2)
	}
	failed := secondHop(b.end(2, types.CopyJobStateFailed, "Rate exceeded", "LIMIT_EXCEEDED"))
	b.pass(time.Hour)
	if v := b.tell(t, failed); !v.Done || !slices.Equal(b.reasons(), []string{"gave up"}) {
		t.Fatalf("the verdict is %+v, the dead letters: %v", v, b.reasons())
	}
	b.started(t, 3)
	if report, err := b.Reconcile(t.Context()); err != nil || len(report.Stuck) != 1 || report.Stuck[0].Reason != "gave up" {
		t.Errorf("the reconciliation says %+v, %v", report, err)
	}
	b.Handle(t.Context(), Message{ID: "m", Body: *b.dead[0].MessageBody, Receives: 1, Redriven: true})
	b.started(t, 4)
}

// A copier whose view of the jobs lags behind makes the token of the job that it does not see yet.
func TestAStaleViewStartsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point := b.arrive(0, 1)
	b.tell(t, firstHop(point))
	seen := slices.Clone(b.jobs)
	b.end(0, types.CopyJobStateFailed, "Rate exceeded", "")
	b.pass(time.Hour)
	b.tell(t, firstHop(point))
	b.started(t, 2)
	current := b.jobs
	for _, stale := range [][]types.CopyJob{{}, {current[0]}} { // neither job, or only the failed one
		b.jobs = stale
		if v := b.tell(t, firstHop(point)); !v.Done {
			t.Errorf("the verdict is %+v", v)
		}
		if len(b.jobs) != len(stale) {
			t.Errorf("seeing %d of %d jobs, it started another", len(stale), len(seen)+1)
		}
	}
}

func TestALastingFailureWaitsForSomebody(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"PATIENCE": "12h"})
	point := b.arrive(0, 1)
	b.tell(t, firstHop(point))
	failed := secondHop(b.end(0, types.CopyJobStateFailed, "Access Denied trying to call AWS Backup service", "ACCESS_DENIED"))
	b.pass(time.Hour)
	if v := b.tell(t, failed); !v.Done || !slices.Equal(b.reasons(), []string{"refused"}) {
		t.Fatalf("the verdict is %+v, the dead letters: %v", v, b.reasons())
	}
	if text := *b.dead[0].MessageAttributes["Text"].StringValue; !strings.Contains(text, "Access Denied trying to call AWS Backup service") {
		t.Errorf("the dead letter says %q", text)
	}
	for range 2 {
		if _, err := b.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.started(t, 1)
	}
	b.pass(12 * time.Hour)
	if report, err := b.Reconcile(t.Context()); err != nil || report.Started != 1 {
		t.Errorf("after its patience the reconciliation says %+v, %v", report, err)
	}
	b.started(t, 2)
}

func TestCallsThatFail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		operation, code, message string
		buried                   string // the reason of the dead letter; "" if the message is tried again
	}{
		{"DescribeRecoveryPoint", "ThrottlingException", "Rate exceeded", ""},
		{"ListCopyJobs", "ServiceUnavailableException", "", ""},
		{"ListRecoveryPointsByBackupVault", "InternalFailure", "", ""},
		{"StartCopyJob", "LimitExceededException", "Too many", ""},
		{"StartCopyJob", "SomethingNew", "", ""},
		{"StartCopyJob", "InvalidParameterValueException", "IdempotencyToken second-hop-1 was used for a job with other parameters.", ""},
		{"StartCopyJob", "AccessDeniedException", "not authorized to perform: backup:StartCopyJob", "AccessDeniedException"},
		{"StartCopyJob", "InvalidParameterValueException", "Invalid ARN", "InvalidParameterValueException"},
		{"ListRecoveryPointsByBackupVault", "ResourceNotFoundException", "Backup vault not found", "ResourceNotFoundException"},
		{"DescribeRecoveryPoint", "AccessDeniedException", "Insufficient privileges", "AccessDeniedException"},
	}
	for _, test := range tests {
		t.Run(test.operation+" "+test.code, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			point := b.arrive(0, 1)
			b.fail = func(operation string) error {
				if operation == test.operation {
					return failure(test.code, test.message)
				}
				return nil
			}
			v := b.tell(t, firstHop(point))
			if test.buried == "" && (v.Done || v.Err == nil || v.After <= 0) {
				t.Errorf("the verdict is %+v", v)
			}
			if test.buried != "" && (!v.Done || !slices.Equal(b.reasons(), []string{test.buried})) {
				t.Errorf("the verdict is %+v, the dead letters: %v", v, b.reasons())
			}
			b.started(t, 0)
			b.fail = nil
			b.tell(t, firstHop(point)) // once the cause is gone
			b.started(t, 1)
		})
	}
}

func TestAnUnknownFailureIsTriedANumberOfTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"MAX_RECEIVES": "3"})
	point := b.arrive(0, 1)
	b.fail = func(operation string) error {
		if operation == "StartCopyJob" {
			return failure("SomethingNew", "what is this")
		}
		return nil
	}
	for n := 1; n <= 3; n++ {
		v := b.Handle(t.Context(), Message{ID: "m", Body: firstHop(point), Receives: n})
		if v.Done != (n == 3) {
			t.Errorf("received %d times: the verdict is %+v", n, v)
		}
	}
	if !slices.Equal(b.reasons(), []string{"SomethingNew"}) {
		t.Errorf("the dead letters: %v", b.reasons())
	}
}

// Without a queue for dead letters, or while it cannot be reached, a message stays in its own.
func TestALetterThatCannotBeBuriedStays(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.fail = func(operation string) error {
		if operation == "SendMessage" {
			return errors.New("connection refused")
		}
		return nil
	}
	if v := b.tell(t, "no event"); v.Done || v.Err == nil {
		t.Errorf("the verdict is %+v", v)
	}
	b.Config.DeadLetterURL = ""
	if v := b.tell(t, "no event"); v.Done || v.Err == nil {
		t.Errorf("without a queue the verdict is %+v", v)
	}
}

func TestPointsThatAreNotCopied(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*types.RecoveryPointByBackupVault)
		cold   bool
		done   bool
		reason string // of a dead letter
	}{
		{"of another type", func(p *types.RecoveryPointByBackupVault) { p.ResourceType = aws.String("S3") }, false, true, ""},
		{"expired already", func(p *types.RecoveryPointByBackupVault) {
			p.Lifecycle = &types.Lifecycle{DeleteAfterDays: aws.Int64(7)}
		}, false, true, ""},
		{"not complete yet", func(p *types.RecoveryPointByBackupVault) { p.Status = types.RecoveryPointStatusCreating }, false, false, ""},
		{"being deleted", func(p *types.RecoveryPointByBackupVault) { p.Status = types.RecoveryPointStatusDeleting }, false, true, "not usable"},
		{"cold", func(*types.RecoveryPointByBackupVault) {}, true, true, "cold storage"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			point := b.arrive(0, 10, test.change)
			b.cold = map[string]bool{point: test.cold}
			v := b.tell(t, firstHop(point))
			b.started(t, 0)
			if v.Done != test.done || v.Err != nil || test.reason != strings.Join(b.reasons(), ",") {
				t.Errorf("the verdict is %+v, the dead letters: %v", v, b.reasons())
			}
		})
	}
}

func TestEventsThatAreNotForTheCopier(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	point := b.arrive(0, 1)
	good := firstHop(point)
	for name, event := range map[string]string{
		"a job that runs":             strings.Replace(strings.Replace(good, `"COMPLETED"`, `"RUNNING"`, 1), `"`+point+`"`, "{}", 1),
		"another vault":               strings.ReplaceAll(good, ":first", ":other"),
		"another type":                strings.Replace(good, `"RDS"`, `"S3"`, 1),
		"another source":              strings.Replace(good, "aws.backup", "my.app", 1),
		"another kind":                strings.Replace(good, "Copy Job State Change", "Backup Job State Change", 1),
		"a created job":               `{"source":"aws.backup","detail-type":"Copy Job State Change","detail":{"state":"CREATED","destinationBackupVaultArn":"` + firstVault + `"}}`,
		"out of our vault":            strings.Replace(strings.Replace(good, firstVault, "arn:aws:backup:eu-west-1:222222222222:backup-vault:elsewhere", 1), "arn:aws:backup:eu-central-1:111111111111:backup-vault:member", firstVault, 1),
		"failed on its way elsewhere": strings.Replace(strings.Replace(strings.Replace(good, firstVault, "arn:aws:backup:eu-west-1:222222222222:backup-vault:elsewhere", 1), "arn:aws:backup:eu-central-1:111111111111:backup-vault:member", firstVault, 1), `"COMPLETED"`, `"FAILED"`, 1),
		"a point elsewhere":           `{"source":"aws.backup","detail-type":"Recovery Point State Change","resources":["` + point + `"],"detail":{"status":"COMPLETED","backupVaultArn":"` + finalVault + `"}}`,
		"a point that leaves":         `{"source":"aws.backup","detail-type":"Recovery Point State Change","resources":["` + point + `"],"detail":{"status":"DELETING","backupVaultArn":"` + firstVault + `"}}`,
	} {
		if v := b.tell(t, event); !v.Done || v.Err != nil {
			t.Errorf("%s: the verdict is %+v", name, v)
		}
	}
	b.started(t, 0)
	if len(b.dead) > 0 || b.calls["DescribeRecoveryPoint"] > 0 {
		t.Errorf("dead letters %v, calls %v", b.reasons(), b.calls)
	}
	for name, event := range map[string]string{
		"no event":          "hello",
		"no object":         `[1,2]`,
		"a detail of words": `{"source":"aws.backup","detail-type":"Copy Job State Change","detail":"x"}`,
		"no point":          strings.Replace(good, `"`+point+`"`, "{}", 1),
		"no such point":     strings.Replace(good, "copyjob-0", "copyjob-9", 1),
	} {
		before := len(b.dead)
		if v := b.tell(t, event); !v.Done || len(b.dead) != before+1 {
			t.Errorf("%s: the verdict is %+v, %d dead letters", name, v, len(b.dead)-before)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"TYPES":  "RDS,Aurora",
		"ROUTES": `[{"Tag":"keep=long","To":["` + finalVault + `","` + thirdVault + `"],"Lifecycle":{"DeleteAfterDays":365}},{"Types":["Aurora"],"To":["` + thirdVault + `"]}]`,
	})
	long, plain := b.arrive(0, 1), b.arrive(1, 1)
	cluster := b.arrive(2, 1, func(p *types.RecoveryPointByBackupVault) { p.ResourceType = aws.String("Aurora") })
	b.tagged[long] = map[string]string{"keep": "long"}
	b.tagged[plain] = map[string]string{"keep": "short"}
	if report, err := b.Reconcile(t.Context()); err != nil || report.Points != 3 {
		t.Fatalf("the reconciliation says %+v, %v", report, err)
	}
	got := map[string][]string{}
	for _, j := range b.jobs {
		got[*j.SourceRecoveryPointArn] = append(got[*j.SourceRecoveryPointArn], *j.DestinationBackupVaultArn)
		if l := b.asked[*j.CopyJobId].Lifecycle; (*j.SourceRecoveryPointArn == long) != (l != nil && *l.DeleteAfterDays == 365) {
			t.Errorf("%s has the lifecycle %+v", *j.SourceRecoveryPointArn, l)
		}
	}
	if !slices.Equal(got[long], []string{finalVault, thirdVault}) || !slices.Equal(got[plain], []string{finalVault}) || !slices.Equal(got[cluster], []string{thirdVault}) {
		t.Errorf("points went to %v", got)
	}
	for i, j := range b.jobs { // the tag is what tells that one final copy of two is lacking
		if *j.SourceRecoveryPointArn == long && *j.DestinationBackupVaultArn == finalVault {
			b.end(i, types.CopyJobStateCompleted, "", "")
		}
	}
	b.jobs = slices.DeleteFunc(b.jobs, func(j types.CopyJob) bool {
		return *j.SourceRecoveryPointArn == long && *j.DestinationBackupVaultArn == thirdVault
	})
	b.tokens = map[string]string{}
	if report, err := b.Reconcile(t.Context()); err != nil || report.Started != 1 {
		t.Errorf("the reconciliation says %+v, %v", report, err)
	}
}

// A reconciliation goes by all final vaults of a point, whichever comes first, and by no point that came long ago.
func TestWhatAReconciliationMakes(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"FINAL_VAULTS": finalVault + "," + thirdVault, "WINDOW": "48h"})
	point := b.arrive(0, 5)
	b.arrive(1, 5, func(p *types.RecoveryPointByBackupVault) { p.CompletionDate = aws.Time(b.now.Add(-49 * time.Hour)) })
	b.tell(t, firstHop(point))
	b.end(1, types.CopyJobStateCompleted, "", "")
	b.jobs, b.tokens = b.jobs[1:], map[string]string{} // the job to the first vault was never made
	report, err := b.Reconcile(t.Context())
	if err != nil || report.Points != 1 || report.Started != 1 {
		t.Errorf("the reconciliation says %+v, %v", report, err)
	}
	b.started(t, 2)
}

// Of two final vaults the one that somebody must do something about decides what becomes of the message.
func TestTheMostUrgentOfTwoDecides(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"FINAL_VAULTS": finalVault + "," + thirdVault})
	point := b.arrive(0, 1)
	b.tell(t, firstHop(point))
	b.end(1, types.CopyJobStateCompleted, "", "")
	if v := b.tell(t, secondHop(b.end(0, types.CopyJobStateFailed, "Access denied", "ACCESS_DENIED"))); !v.Done || !slices.Equal(b.reasons(), []string{"refused"}) {
		t.Errorf("the verdict is %+v, the dead letters: %v", v, b.reasons())
	}
}

// When one of two final vaults fails, the other gets its copy all the same, and the message stays.
func TestOneOfTwoFinalVaultsFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"FINAL_VAULTS": finalVault + "," + thirdVault})
	point := b.arrive(0, 1)
	b.fail = func(operation string) error {
		if operation == "StartCopyJob" && b.calls[operation] == 1 {
			return failure("ThrottlingException", "Rate exceeded")
		}
		return nil
	}
	if v := b.tell(t, firstHop(point)); v.Done {
		t.Errorf("the verdict is %+v", v)
	}
	b.started(t, 1)
	if v := b.tell(t, firstHop(point)); !v.Done {
		t.Errorf("the verdict is %+v", v)
	}
	b.started(t, 2)
}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DRY_RUN": "true", "DELETE_INTERMEDIATE": "when-final-complete", "KEEP_NEWEST": "0", "TAGS": "*"})
	point := b.arrive(0, 1)
	b.tell(t, firstHop(point))
	if _, err := b.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.started(t, 0)
	if !strings.Contains(b.metrics.String(), `"HopsWanted":1`) {
		t.Errorf("the metrics are %s", b.metrics)
	}
	if b.calls["StartCopyJob"]+b.calls["DeleteRecoveryPoint"]+b.calls["TagResource"] > 0 {
		t.Errorf("it called %v", b.calls)
	}
}
