package ec2_test

import (
	"testing"
	"time"

	awsebs "github.com/aws/aws-sdk-go-v2/service/ebs"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	. "strongroom/internal/resource/ebs/ebstest"
)

// taken makes a completed snapshot of a volume with a block in it.
func taken(w *World, in awsec2.CreateVolumeInput) string {
	w.T.Helper()
	c := Admin(Member)
	in.Size = ptr[int32](1)
	id := volume(w, c, in)
	write(w, id, 0, noise(1, 4096))
	snap := *Must[awsec2.CreateSnapshotOutput](w, c, &awsec2.CreateSnapshotInput{VolumeId: &id}).SnapshotId
	completed(w, c, snap)
	return snap
}

// Each row is a lock that is there, how old it is, and a lock that is asked for then.
func TestLocksOfSnapshots(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	now := w.Clock.Now()
	lock := func(mode types.LockMode, days, coolOff int32) *awsec2.LockSnapshotInput {
		in := &awsec2.LockSnapshotInput{LockMode: mode, LockDuration: &days}
		if coolOff > 0 {
			in.CoolOffPeriod = &coolOff
		}
		return in
	}
	for _, tt := range []struct {
		name   string
		before *awsec2.LockSnapshotInput
		age    time.Duration
		in     *awsec2.LockSnapshotInput
		code   string
		state  types.LockState // after it
	}{
		{"governance", nil, 0, lock("governance", 1, 0), "", "governance"},
		{"compliance at once", nil, 0, lock("compliance", 1, 0), "", "compliance"},
		{"compliance to think over", nil, 0, lock("compliance", 1, 1), "", "compliance-cooloff"},
		{"governance to think over", nil, 0, lock("governance", 1, 1), "InvalidParameterCombination", ""},
		{"another mode", nil, 0, lock("legal", 1, 0), "InvalidParameterValue", ""},
		{"no days", nil, 0, lock("governance", 0, 0), "InvalidParameterValue", ""},
		{"too many days", nil, 0, lock("governance", 36501, 0), "InvalidParameterValue", ""},
		{"too long a time to think", nil, 0, lock("compliance", 1, 73), "InvalidParameterValue", ""},
		{"no end", nil, 0, &awsec2.LockSnapshotInput{LockMode: "governance"}, "MissingParameter", ""},
		{"two ends", nil, 0, &awsec2.LockSnapshotInput{LockMode: "governance", LockDuration: ptr[int32](1), ExpirationDate: &now}, "InvalidParameterCombination", ""},
		{"an end in the past", nil, 0, &awsec2.LockSnapshotInput{LockMode: "governance", ExpirationDate: ptr(now.Add(-time.Hour))}, "InvalidParameterValue", ""},
		{"an end by date", nil, 0, &awsec2.LockSnapshotInput{LockMode: "governance", ExpirationDate: ptr(now.Add(9999 * time.Hour))}, "", "governance"},
		{"less governance", lock("governance", 9, 0), time.Hour, lock("governance", 1, 0), "", "governance"},
		{"from governance to compliance", lock("governance", 9, 0), time.Hour, lock("compliance", 9, 2), "", "compliance-cooloff"},
		{"back while it is thought over", lock("compliance", 9, 2), time.Hour, lock("governance", 1, 0), "", "governance"},
		{"back when it is too late", lock("compliance", 9, 2), 2 * time.Hour, lock("governance", 99, 0), "OperationNotPermitted", "compliance"},
		{"less compliance", lock("compliance", 9, 0), time.Hour, lock("compliance", 8, 0), "OperationNotPermitted", "compliance"},
		{"more compliance", lock("compliance", 9, 0), time.Hour, lock("compliance", 10, 0), "", "compliance"},
		{"more compliance to think over", lock("compliance", 9, 0), time.Hour, lock("compliance", 10, 1), "OperationNotPermitted", "compliance"},
		{"anew once it is over", lock("compliance", 1, 0), 24 * time.Hour, lock("governance", 1, 0), "", "governance"},
		{"a try", nil, 0, &awsec2.LockSnapshotInput{LockMode: "governance", LockDuration: ptr[int32](1), DryRun: ptr(true)}, "DryRunOperation", ""},
	} {
		snap := taken(w, awsec2.CreateVolumeInput{})
		if tt.before != nil {
			tt.before.SnapshotId = &snap
			Must[awsec2.LockSnapshotOutput](w, c, tt.before)
		}
		w.Clock.Advance(tt.age)
		tt.in.SnapshotId = &snap
		if tt.code == "" {
			Must[awsec2.LockSnapshotOutput](w, c, tt.in)
		} else {
			Refused[awsec2.LockSnapshotOutput](w, c, tt.in, tt.code)
		}
		var state types.LockState
		for _, l := range Must[awsec2.DescribeLockedSnapshotsOutput](w, c, &awsec2.DescribeLockedSnapshotsInput{SnapshotIds: []string{snap}}).Snapshots {
			state = l.LockState
		}
		if state != tt.state {
			t.Errorf("%s: the lock is %q, want %q", tt.name, state, tt.state)
		}
		remove := &awsec2.DeleteSnapshotInput{SnapshotId: &snap}
		unlock := &awsec2.UnlockSnapshotInput{SnapshotId: &snap}
		switch state {
		case "":
			Refused[awsec2.UnlockSnapshotOutput](w, c, unlock, "IncorrectState")
		case types.LockStateCompliance:
			Refused[awsec2.DeleteSnapshotOutput](w, c, remove, "OperationNotPermitted")
			Refused[awsec2.UnlockSnapshotOutput](w, c, unlock, "OperationNotPermitted")
			continue
		default:
			Refused[awsec2.DeleteSnapshotOutput](w, c, remove, "OperationNotPermitted")
			Must[awsec2.UnlockSnapshotOutput](w, c, unlock)
		}
		Must[awsec2.DeleteSnapshotOutput](w, c, remove)
	}
	// What compliance kept goes when its time is over, and not before.
	w.Clock.Advance(11 * 24 * time.Hour)
	expired := []types.Filter{{Name: ptr("lock-state"), Values: []string{"expired"}}}
	left := Must[awsec2.DescribeLockedSnapshotsOutput](w, c, &awsec2.DescribeLockedSnapshotsInput{Filters: expired}).Snapshots
	if len(left) != 5 {
		t.Errorf("%d locks have expired, want 5", len(left))
	}
	for _, l := range left {
		Must[awsec2.DeleteSnapshotOutput](w, c, &awsec2.DeleteSnapshotInput{SnapshotId: l.SnapshotId})
	}
}

func TestLocksSurviveARestart(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	snap := taken(w, awsec2.CreateVolumeInput{})
	Must[awsec2.LockSnapshotOutput](w, c, &awsec2.LockSnapshotInput{SnapshotId: &snap, LockMode: "compliance", LockDuration: ptr[int32](1)})
	w = w.Reopen()
	Refused[awsec2.DeleteSnapshotOutput](w, c, &awsec2.DeleteSnapshotInput{SnapshotId: &snap}, "OperationNotPermitted")
}

// A statement can bound for how long its principals lock snapshots.
func TestLockDurationIsAConditionKey(t *testing.T) {
	t.Parallel()
	w := New(t)
	snap := taken(w, awsec2.CreateVolumeInput{})
	c := User(Member, "locker")
	w.Policies.Allow(c, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:LockSnapshot","Resource":"*",
		"Condition":{"NumericLessThanEquals":{"ec2:SnapshotLockDuration":"7"}}}}`)
	Refused[awsec2.LockSnapshotOutput](w, c, &awsec2.LockSnapshotInput{SnapshotId: &snap, LockMode: "governance", LockDuration: ptr[int32](8)}, "UnauthorizedOperation")
	Must[awsec2.LockSnapshotOutput](w, c, &awsec2.LockSnapshotInput{SnapshotId: &snap, LockMode: "governance", LockDuration: ptr[int32](7)})
}

func TestArchiveTier(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	snap := taken(w, awsec2.CreateVolumeInput{})
	day := 24 * time.Hour
	use := func(code string) {
		t.Helper()
		create := &awsec2.CreateVolumeInput{AvailabilityZone: ptr(zone), SnapshotId: &snap}
		list := &awsebs.ListSnapshotBlocksInput{SnapshotId: &snap}
		if code == "" {
			Must[awsec2.CreateVolumeOutput](w, c, create)
			Must[awsebs.ListSnapshotBlocksOutput](w, c, list)
			return
		}
		Refused[awsec2.CreateVolumeOutput](w, c, create, code)
		Refused[awsec2.CopySnapshotOutput](w, c, &awsec2.CopySnapshotInput{SourceSnapshotId: &snap, SourceRegion: ptr(Region)}, code)
		Refused[awsec2.ModifySnapshotAttributeOutput](w, c, &awsec2.ModifySnapshotAttributeInput{
			SnapshotId: &snap, CreateVolumePermission: &types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{UserId: ptr(Vault)}}},
		}, code)
		Refused[awsebs.ListSnapshotBlocksOutput](w, c, list, "ValidationException")
	}
	status := func(tier types.StorageTier, last types.TieringOperationStatus) {
		t.Helper()
		got := Must[awsec2.DescribeSnapshotTierStatusOutput](w, c, &awsec2.DescribeSnapshotTierStatusInput{}).SnapshotTierStatuses
		if len(got) != 1 || got[0].StorageTier != tier || got[0].LastTieringOperationStatus != last {
			t.Errorf("the tier is %+v, want %s after %s", got, tier, last)
		}
		if d := completed(w, c, snap); d.StorageTier != tier {
			t.Errorf("DescribeSnapshots shows the tier %s", d.StorageTier)
		}
	}
	restore := func(days int32) *awsec2.RestoreSnapshotTierInput {
		return &awsec2.RestoreSnapshotTierInput{SnapshotId: &snap, TemporaryRestoreDays: &days}
	}
	archive := &awsec2.ModifySnapshotTierInput{SnapshotId: &snap, StorageTier: types.TargetStorageTierArchive}
	status(types.StorageTierStandard, "")
	Refused[awsec2.RestoreSnapshotTierOutput](w, c, restore(1), "IncorrectState")
	Must[awsec2.ModifySnapshotTierOutput](w, c, archive)
	Refused[awsec2.ModifySnapshotTierOutput](w, c, archive, "IncorrectState")
	status(types.StorageTierArchive, "archival-completed")
	use("IncorrectState")
	Refused[awsec2.RestoreSnapshotTierOutput](w, c, restore(0), "InvalidParameterValue")
	Refused[awsec2.RestoreSnapshotTierOutput](w, c, restore(181), "InvalidParameterValue")
	Refused[awsec2.RestoreSnapshotTierOutput](w, c, &awsec2.RestoreSnapshotTierInput{SnapshotId: &snap}, "MissingParameter")
	Must[awsec2.RestoreSnapshotTierOutput](w, c, restore(2))
	use("")
	status(types.StorageTierArchive, "temporary-restore-completed")
	w.Clock.Advance(day)
	Must[awsec2.RestoreSnapshotTierOutput](w, c, restore(2)) // anew, from now
	w.Clock.Advance(2*day - time.Second)
	use("")
	w.Clock.Advance(time.Second)
	use("IncorrectState")
	status(types.StorageTierArchive, "archival-completed")
	Must[awsec2.RestoreSnapshotTierOutput](w, c, &awsec2.RestoreSnapshotTierInput{SnapshotId: &snap, PermanentRestore: ptr(true)})
	w.Clock.Advance(999 * day)
	use("")
	status(types.StorageTierStandard, "permanent-restore-completed")
}

func TestBlockPublicAccessOfSnapshots(t *testing.T) {
	t.Parallel()
	w := New(t)
	c, other := Admin(Member), Admin(Vault)
	snap, encrypted := taken(w, awsec2.CreateVolumeInput{}), taken(w, awsec2.CreateVolumeInput{Encrypted: ptr(true)})
	share := func(id string) *awsec2.ModifySnapshotAttributeInput {
		return &awsec2.ModifySnapshotAttributeInput{SnapshotId: &id, OperationType: types.OperationTypeAdd, GroupNames: []string{"all"}}
	}
	seen := func(want int) {
		t.Helper()
		got := Must[awsec2.DescribeSnapshotsOutput](w, other, &awsec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"all"}}).Snapshots
		if len(got) != want {
			t.Errorf("the other account sees %d public snapshots, want %d", len(got), want)
		}
		in := &awsec2.CreateVolumeInput{AvailabilityZone: ptr(zone), SnapshotId: &snap}
		if want == 0 {
			Refused[awsec2.CreateVolumeOutput](w, other, in, "InvalidSnapshot.NotFound")
			return
		}
		Must[awsec2.CreateVolumeOutput](w, other, in)
	}
	enable := func(state types.SnapshotBlockPublicAccessState) {
		t.Helper()
		Must[awsec2.EnableSnapshotBlockPublicAccessOutput](w, c, &awsec2.EnableSnapshotBlockPublicAccessInput{State: state})
	}
	Refused[awsec2.EnableSnapshotBlockPublicAccessOutput](w, c, &awsec2.EnableSnapshotBlockPublicAccessInput{State: "unblocked"}, "InvalidParameterValue")
	Refused[awsec2.ModifySnapshotAttributeOutput](w, c, share(encrypted), "InvalidParameterValue")
	seen(0)
	enable("block-new-sharing")
	Refused[awsec2.ModifySnapshotAttributeOutput](w, c, share(snap), "OperationNotPermitted")
	Must[awsec2.DisableSnapshotBlockPublicAccessOutput](w, c, &awsec2.DisableSnapshotBlockPublicAccessInput{})
	Must[awsec2.ModifySnapshotAttributeOutput](w, c, share(snap))
	seen(1)
	enable("block-new-sharing")
	seen(1)
	enable("block-all-sharing")
	seen(0)
	attribute := Must[awsec2.DescribeSnapshotAttributeOutput](w, c, &awsec2.DescribeSnapshotAttributeInput{SnapshotId: &snap, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	if len(attribute.CreateVolumePermissions) != 1 {
		t.Errorf("the permissions are %+v; they stay", attribute.CreateVolumePermissions)
	}
	Must[awsec2.ModifySnapshotAttributeOutput](w, c, &awsec2.ModifySnapshotAttributeInput{SnapshotId: &snap, OperationType: types.OperationTypeAdd, UserIds: []string{Vault}})
	Must[awsec2.DescribeSnapshotsOutput](w, other, &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{snap}})
	if got := Must[awsec2.GetSnapshotBlockPublicAccessStateOutput](w, c.In(North), &awsec2.GetSnapshotBlockPublicAccessStateInput{}).State; got != "unblocked" {
		t.Errorf("another Region is %s", got)
	}
}
