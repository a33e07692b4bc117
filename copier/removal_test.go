package copier

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
)

// left are the points in the intermediate vault.
func (b *bench) left() (all []string) {
	for _, p := range b.vaults[firstVault] {
		all = append(all, *p.RecoveryPointArn)
	}
	return all
}

func TestIntermediateCopiesAreRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "2h", "FINAL_VAULTS": finalVault + "," + thirdVault})
	var points []string
	for n := range 4 {
		points = append(points, b.arrive(n, 5))
	}
	if _, err := b.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.started(t, 8)
	newest := points[3]
	step := func(what string, want ...string) {
		t.Helper()
		if _, err := b.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b.left(), want) {
			t.Fatalf("%s: %v are left, want %v", what, b.left(), want)
		}
	}
	for i, j := range b.jobs {
		if *j.SourceRecoveryPointArn != points[1] || *j.DestinationBackupVaultArn != thirdVault {
			b.end(i, types.CopyJobStateCompleted, "", "")
		}
	}
	step("within the margin", points...)
	b.pass(2 * time.Hour)
	step("one still lacks a copy", points[1], newest)
	for i, j := range b.jobs {
		if j.State != types.CopyJobStateCompleted {
			b.end(i, types.CopyJobStateCompleted, "", "")
		}
	}
	b.pass(2 * time.Hour)
	step("the newest stays as the base of the next", newest)
	if len(b.vaults[finalVault]) != 4 || len(b.vaults[thirdVault]) != 4 {
		t.Errorf("%d and %d final copies", len(b.vaults[finalVault]), len(b.vaults[thirdVault]))
	}
	b.started(t, 8)
}

func TestAnEventOfAFinalCopySweepsItsResource(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s"})
	older, newer := b.arrive(0, 5), b.arrive(1, 5)
	b.tell(t, firstHop(older))
	b.tell(t, firstHop(newer))
	b.tell(t, secondHop(b.end(0, types.CopyJobStateCompleted, "", "")))
	if want := []string{newer}; !slices.Equal(b.left(), want) {
		t.Errorf("%v are left, want %v", b.left(), want)
	}
}

// A point from which somebody else copies just now is still needed.
func TestAPointThatIsBeingCopiedStays(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s", "KEEP_NEWEST": "0"})
	point := b.arrive(0, 5)
	b.tell(t, firstHop(point))
	elsewhere := b.jobs[0]
	elsewhere.CopyJobId, elsewhere.DestinationBackupVaultArn = aws.String("other"), aws.String(thirdVault)
	b.jobs = append(b.jobs, elsewhere)
	b.end(0, types.CopyJobStateCompleted, "", "")
	if _, err := b.Reconcile(t.Context()); err != nil || len(b.left()) != 1 {
		t.Fatalf("%v are left, %v", b.left(), err)
	}
	b.jobs[1].State = types.CopyJobStateFailed
	if _, err := b.Reconcile(t.Context()); err != nil || len(b.left()) != 0 {
		t.Errorf("%v are left, %v", b.left(), err)
	}
}

// A final copy that is expiring, or was deleted, is none to rely on.
func TestAnIntermediateCopyStaysWithoutItsFinalOne(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s", "KEEP_NEWEST": "0"})
	point := b.arrive(0, 5)
	b.tell(t, firstHop(point))
	done := secondHop(b.end(0, types.CopyJobStateCompleted, "", ""))
	b.vaults[finalVault][0].Status = types.RecoveryPointStatusDeleting
	b.tell(t, done)
	b.vaults[finalVault] = nil
	b.tell(t, done)
	if len(b.left()) != 1 {
		t.Error("it was removed")
	}
}

// A reconciliation that takes long goes by what is so when it removes a point, and not by what was so when it listed.
func TestWhatHappensMeanwhileKeepsAPoint(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		meanwhile func(b *bench, point string)
		left      int // in the intermediate vault, with the one whose hop was missing
	}{
		"nothing": {func(*bench, string) {}, 1},
		"the final copy is deleted": {func(b *bench, _ string) {
			b.vaults[finalVault] = nil
		}, 2},
		"the final copy is being deleted": {func(b *bench, _ string) {
			b.vaults[finalVault][0].Status = types.RecoveryPointStatusDeleting
		}, 2},
		"the final copy is replaced by a fresh one": {func(b *bench, _ string) {
			b.vaults[finalVault][0].CompletionDate = aws.Time(b.now)
		}, 2},
		"somebody begins a copy out of the intermediate vault": {func(b *bench, point string) {
			detour := b.jobs[0]
			detour.CopyJobId, detour.SourceRecoveryPointArn, detour.State = aws.String("detour"), &point, types.CopyJobStateRunning
			detour.DestinationBackupVaultArn = aws.String("arn:aws:backup:eu-central-1:111111111111:backup-vault:member")
			b.jobs = append(b.jobs, detour)
		}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "KEEP_NEWEST": "0"})
			point := b.arrive(0, 1)
			b.tell(t, firstHop(point))
			b.end(0, types.CopyJobStateCompleted, "", "")
			b.pass(time.Hour)
			b.arrive(1, 1)
			b.fail = func(operation string) error {
				if operation == "StartCopyJob" { // of the missing hop, after all lists are made
					test.meanwhile(b, point)
				}
				return nil
			}
			if report, err := b.Reconcile(t.Context()); err != nil || report.Started != 1 || report.Swept.Removed != 2-test.left {
				t.Errorf("the reconciliation says %+v, %v", report, err)
			}
			if len(b.left()) != test.left {
				t.Errorf("%v are left", b.left())
			}
		})
	}
}

// What cannot be looked at again is not removed.
func TestAPointStaysIfTheSecondLookFails(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"ListCopyJobs", "ListRecoveryPointsByBackupVault"} {
		b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s", "KEEP_NEWEST": "0"})
		b.tell(t, firstHop(b.arrive(0, 1)))
		done := secondHop(b.end(0, types.CopyJobStateCompleted, "", ""))
		look := map[string]int{"ListCopyJobs": 1, "ListRecoveryPointsByBackupVault": 3}[operation] // after those of the sweep
		before := b.calls[operation]
		b.fail = func(called string) error {
			if called == operation && b.calls[called] == before+look {
				return failure("ThrottlingException", "Rate exceeded")
			}
			return nil
		}
		if v := b.tell(t, done); v.Done || v.Err == nil || len(b.left()) != 1 {
			t.Errorf("%s: the verdict is %+v, %v are left", operation, v, b.left())
		}
		if v := b.tell(t, done); !v.Done || len(b.left()) != 0 {
			t.Errorf("%s, the second time: the verdict is %+v, %v are left", operation, v, b.left())
		}
	}
}

// The final vaults of a point are those of its route, which its tags may tell.
func TestARouteByTagsTellsWhatMustBeThere(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s", "KEEP_NEWEST": "0",
		"ROUTES": `[{"Tag":"keep=long","To":["` + finalVault + `","` + thirdVault + `"]}]`,
	})
	long, plain := b.arrive(0, 1), b.arrive(1, 1)
	b.tagged[long] = map[string]string{"keep": "long"}
	b.tell(t, firstHop(long))
	b.tell(t, firstHop(plain))
	b.started(t, 3)
	for i, j := range b.jobs {
		if *j.DestinationBackupVaultArn == finalVault {
			b.end(i, types.CopyJobStateCompleted, "", "")
		} else {
			b.end(i, types.CopyJobStateFailed, "Access denied", "ACCESS_DENIED")
		}
	}
	if _, err := b.Reconcile(t.Context()); err != nil || !slices.Equal(b.left(), []string{long}) {
		t.Errorf("%v are left, %v", b.left(), err)
	}
}

// A point that is not whole, or is going of itself, is none of the copier's to remove.
func TestAPointThatIsNotUsableStays(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s", "KEEP_NEWEST": "0"})
	b.tell(t, firstHop(b.arrive(0, 1)))
	b.end(0, types.CopyJobStateCompleted, "", "")
	b.vaults[firstVault][0].Status = types.RecoveryPointStatusPartial
	if _, err := b.Reconcile(t.Context()); err != nil || len(b.left()) != 1 {
		t.Errorf("%v are left, %v", b.left(), err)
	}
}

// Unless it is told otherwise, a copier leaves somebody who finds a final copy wrong an hour to go back to its source.
func TestAnIntermediateCopyStaysForAnHour(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "KEEP_NEWEST": "0"})
	b.tell(t, firstHop(b.arrive(0, 1)))
	b.tell(t, secondHop(b.end(0, types.CopyJobStateCompleted, "", "")))
	for step, left := range []int{1, 0} {
		b.pass([]time.Duration{time.Hour - time.Second, time.Second}[step])
		if _, err := b.Reconcile(t.Context()); err != nil || len(b.left()) != left {
			t.Errorf("%v are left, %v", b.left(), err)
		}
	}
}

func TestAHeldCopyIsToldOfAndNotAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"DELETE_INTERMEDIATE": "when-final-complete", "DELETE_MARGIN": "0s", "KEEP_NEWEST": "0"})
	point := b.arrive(0, 5)
	b.tell(t, firstHop(point))
	done := secondHop(b.end(0, types.CopyJobStateCompleted, "", ""))
	answer := failure("InvalidRequestException", "it is under a legal hold")
	b.fail = func(operation string) error {
		if operation == "DeleteRecoveryPoint" {
			return answer
		}
		return nil
	}
	if v := b.tell(t, done); !v.Done || len(b.dead) > 0 {
		t.Errorf("the verdict is %+v, the dead letters: %v", v, b.reasons())
	}
	if report, err := b.Reconcile(t.Context()); err != nil || report.Swept != (Swept{Held: 1}) {
		t.Errorf("the reconciliation says %+v, %v", report, err)
	}
	answer = failure("AccessDeniedException", "not authorized to perform: backup:DeleteRecoveryPoint")
	if v := b.tell(t, done); !v.Done || !slices.Equal(b.reasons(), []string{"AccessDeniedException"}) {
		t.Errorf("the verdict is %+v, the dead letters: %v", v, b.reasons())
	}
	if !strings.Contains(b.metrics.String(), `"IntermediatesHeld":1`) {
		t.Errorf("the metrics are %s", b.metrics)
	}
}

// Databases' tags are RDS's, those of what AWS Backup manages fully its own, and of the rest nobody's.
func TestTagsAreCarried(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{"rds": "AddTagsToResource", "backup": "TagResource", "ec2": ""} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string]string{"TAGS": "cost,owner"})
			point := b.arrive(0, 1, func(p *types.RecoveryPointByBackupVault) {
				p.RecoveryPointArn = aws.String(strings.Replace(*p.RecoveryPointArn, ":rds:", ":"+kind+":", 1))
			})
			b.tagged[point] = map[string]string{"cost": "1", "owner": "us", "other": "x", "aws:backup:source": "y"}
			b.tell(t, firstHop(point))
			j := b.end(0, types.CopyJobStateCompleted, "", "")
			b.tag(*j.DestinationRecoveryPointArn, "owner", "them")
			if v := b.tell(t, secondHop(j)); !v.Done || len(b.dead) > 0 {
				t.Fatalf("the verdict is %+v, the dead letters: %v", v, b.reasons())
			}
			got := b.tagged[*j.DestinationRecoveryPointArn]
			if got["owner"] != "them" || (want != "") != (got["cost"] == "1") || got["other"] != "" || want != "" && b.calls[want] != 1 {
				t.Errorf("the final copy has the tags %v, after the calls %v", got, b.calls)
			}
		})
	}
}
