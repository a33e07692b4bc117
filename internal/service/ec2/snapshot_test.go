package ec2_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/resource/ebs"
	. "strongroom/internal/resource/ebs/ebstest"
)

const zone = Region + "a"

func ptr[T any](v T) *T { return &v }

// volume makes an available volume.
func volume(w *World, c *api.Caller, in awsec2.CreateVolumeInput) string {
	w.T.Helper()
	if in.AvailabilityZone == nil {
		in.AvailabilityZone = ptr(c.Region + "a")
	}
	id := *Must[awsec2.CreateVolumeOutput](w, c, &in).VolumeId
	if err := w.Engine.WaitVolume(w.T.Context(), id, nil); err != nil {
		w.T.Fatal(err)
	}
	return id
}

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func write(w *World, id string, off int64, data []byte) {
	w.T.Helper()
	v, err := w.Engine.Open(w.T.Context(), id)
	if err != nil {
		w.T.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	if _, err := v.WriteAt(data, off); err != nil {
		w.T.Fatal(err)
	}
	if err := v.Flush(); err != nil {
		w.T.Fatal(err)
	}
}

func read(w *World, id string, off int64, n int) []byte {
	w.T.Helper()
	v, err := w.Engine.Open(w.T.Context(), id)
	if err != nil {
		w.T.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	data := make([]byte, n)
	if _, err := v.ReadAt(data, off); err != nil {
		w.T.Fatal(err)
	}
	return data
}

// snapshot takes a snapshot and waits for it.
func snapshot(w *World, c *api.Caller, id string) types.Snapshot {
	w.T.Helper()
	out := Must[awsec2.CreateSnapshotOutput](w, c, &awsec2.CreateSnapshotInput{VolumeId: &id})
	return completed(w, c, *out.SnapshotId)
}

func completed(w *World, c *api.Caller, id string) types.Snapshot {
	w.T.Helper()
	if _, err := w.Engine.WaitSnapshot(w.T.Context(), id); err != nil {
		w.T.Fatal(err)
	}
	return Must[awsec2.DescribeSnapshotsOutput](w, c, &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{id}}).Snapshots[0]
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	for name, encrypted := range map[string]bool{"plain": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t)
			c := Admin(Member)
			in := awsec2.CreateVolumeInput{Size: ptr[int32](1), Encrypted: &encrypted}
			key := ""
			if encrypted {
				key = w.Key(c, "")
				in.KmsKeyId = &key
			}
			id := volume(w, c, in)
			data := noise(1, 3<<20)
			write(w, id, 512<<10-100, data)
			snap := snapshot(w, c, id)
			if snap.State != types.SnapshotStateCompleted || *snap.Progress != "100%" || *snap.Encrypted != encrypted {
				t.Fatalf("the snapshot is %+v", snap)
			}
			if got := deref(snap.KmsKeyId); got != key {
				t.Errorf("the snapshot's key is %q, want %q", got, key)
			}
			write(w, id, 0, noise(2, 4<<20))
			restored := volume(w, c, awsec2.CreateVolumeInput{SnapshotId: snap.SnapshotId})
			if !bytes.Equal(read(w, restored, 512<<10-100, len(data)), data) {
				t.Fatal("the restored volume differs")
			}
			if !bytes.Equal(read(w, restored, 0, 1000), make([]byte, 1000)) {
				t.Fatal("the restored volume has data where there was none")
			}
			d := Must[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{VolumeIds: []string{restored}}).Volumes[0]
			if *d.Encrypted != encrypted || deref(d.KmsKeyId) != key || *d.SnapshotId != *snap.SnapshotId || d.State != types.VolumeStateAvailable {
				t.Errorf("the restored volume is described as %+v", d)
			}
		})
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// The moment of a snapshot is that of the call, although the blocks are written into the archive afterwards and writers
// go on; and it is the same when the process is stopped in between.
func TestSnapshotSurvivesRestart(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	key := w.Key(c, "")
	id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1), Encrypted: ptr(true), KmsKeyId: &key})
	before := noise(3, 24<<20)
	write(w, id, 0, before)
	snap := *Must[awsec2.CreateSnapshotOutput](w, c, &awsec2.CreateSnapshotInput{VolumeId: &id}).SnapshotId
	write(w, id, 1<<20, noise(4, 8<<20))
	w = w.Reopen() // the snapshot is pending, or done if it was quick: both must come out the same
	write(w, id, 12<<20, noise(5, 2<<20))
	if s := completed(w, c, snap); s.State != types.SnapshotStateCompleted {
		t.Fatalf("the snapshot is %s: %s", s.State, deref(s.StateMessage))
	}
	restored := volume(w, c, awsec2.CreateVolumeInput{SnapshotId: &snap})
	if !bytes.Equal(read(w, restored, 0, len(before)), before) {
		t.Fatal("the snapshot is not of the moment it was taken")
	}
}

func TestIncrementalSnapshots(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)})
	content := noise(1, 20<<20)
	write(w, id, 0, content)
	first := snapshot(w, c, id)
	change := noise(2, 512<<10)
	copy(content[4<<20:], change)
	write(w, id, 4<<20, change)
	second := snapshot(w, c, id)

	row, err := w.Engine.Snapshot(t.Context(), *second.SnapshotId)
	if err != nil {
		t.Fatal(err)
	}
	if row.Parent != *first.SnapshotId {
		t.Fatalf("the second snapshot builds on %q", row.Parent)
	}
	p, err := w.Engine.OpenSnapshot(t.Context(), c, row)
	if err != nil {
		t.Fatal(err)
	}
	// What is left of a chunk that was overwritten but for less than a quarter is stored anew with it.
	if got := p.Summary().NewBytes; got < 512<<10 || got > 512<<10*5/3 {
		t.Errorf("the second snapshot wrote %d new bytes, want those of a block and less than two thirds more", got)
	}
	// The first can go; the second stays whole.
	Must[awsec2.DeleteSnapshotOutput](w, c, &awsec2.DeleteSnapshotInput{SnapshotId: first.SnapshotId})
	Refused[awsec2.DescribeSnapshotsOutput](w, c, &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{*first.SnapshotId}}, "InvalidSnapshot.NotFound")
	restored := volume(w, c, awsec2.CreateVolumeInput{SnapshotId: second.SnapshotId, VolumeType: types.VolumeTypeGp3})
	if !bytes.Equal(read(w, restored, 0, len(content)), content) {
		t.Fatal("the volume restored from the second snapshot differs")
	}
}

func TestCopySnapshotToAnotherRegionAndKey(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	north := c.In(North)
	key, northKey := w.Key(c, ""), w.Key(north, "")
	id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1), Encrypted: ptr(true), KmsKeyId: &key})
	data := noise(1, 5<<20)
	write(w, id, 0, data)
	snap := snapshot(w, c, id)
	copied := Must[awsec2.CopySnapshotOutput](w, north, &awsec2.CopySnapshotInput{
		SourceRegion: ptr(Region), SourceSnapshotId: snap.SnapshotId, Encrypted: ptr(true), KmsKeyId: &northKey,
	})
	d := completed(w, north, *copied.SnapshotId)
	if d.State != types.SnapshotStateCompleted || *d.KmsKeyId != northKey {
		t.Fatalf("the copy is %+v", d)
	}
	w.Disable(c, key) // the copy needs the source's key no more
	restored := volume(w, north, awsec2.CreateVolumeInput{SnapshotId: copied.SnapshotId})
	if !bytes.Equal(read(w, restored, 0, len(data)), data) {
		t.Fatal("the copy differs")
	}
	// The source does: neither a volume nor a copy can be made of it, nor the volume be read.
	Refused[awsec2.CreateVolumeOutput](w, c, &awsec2.CreateVolumeInput{SnapshotId: snap.SnapshotId, AvailabilityZone: ptr(zone)}, "InvalidKmsKey.InvalidState")
	again := Must[awsec2.CopySnapshotOutput](w, north, &awsec2.CopySnapshotInput{
		SourceRegion: ptr(Region), SourceSnapshotId: snap.SnapshotId, KmsKeyId: &northKey, Encrypted: ptr(true),
	})
	if d := completed(w, north, *again.SnapshotId); d.State != types.SnapshotStateError || !strings.Contains(*d.StateMessage, "KMS key is either disabled") {
		t.Fatalf("a copy under a disabled key is %s: %q", d.State, deref(d.StateMessage))
	}
	if _, err := w.Engine.Open(t.Context(), id); api.Code(err) != "InvalidKmsKey.InvalidState" {
		t.Fatalf("opening the volume returned %v", err)
	}
	Refused[awsec2.CreateSnapshotOutput](w, c, &awsec2.CreateSnapshotInput{VolumeId: &id}, "InvalidKmsKey.InvalidState")
}

func TestSharedSnapshot(t *testing.T) {
	t.Parallel()
	w := New(t)
	member, vault := Admin(Member), Admin(Vault)
	key := w.Key(member, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+Member+`:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+Vault+`:root"},"Action":["kms:DescribeKey","kms:CreateGrant"],"Resource":"*",
		 "Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+Vault+`:root"},"Action":"kms:DescribeKey","Resource":"*"}]}`)
	closed := w.Key(member, "")
	share := func(key string) *string {
		t.Helper()
		id := volume(w, member, awsec2.CreateVolumeInput{Size: ptr[int32](1), Encrypted: ptr(true), KmsKeyId: &key})
		write(w, id, 0, noise(1, 1<<20))
		return snapshot(w, member, id).SnapshotId
	}
	id, locked := share(key), share(closed)
	copyIn := func(id *string) *awsec2.CopySnapshotInput {
		return &awsec2.CopySnapshotInput{SourceRegion: ptr(Region), SourceSnapshotId: id}
	}
	Refused[awsec2.CopySnapshotOutput](w, vault, copyIn(id), "InvalidSnapshot.NotFound")
	for _, id := range []*string{id, locked} {
		Must[awsec2.ModifySnapshotAttributeOutput](w, member, &awsec2.ModifySnapshotAttributeInput{
			SnapshotId: id, Attribute: types.SnapshotAttributeNameCreateVolumePermission,
			CreateVolumePermission: &types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{UserId: ptr(Vault)}}},
		})
	}
	out := Must[awsec2.DescribeSnapshotAttributeOutput](w, member, &awsec2.DescribeSnapshotAttributeInput{
		SnapshotId: id, Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	})
	if len(out.CreateVolumePermissions) != 1 || *out.CreateVolumePermissions[0].UserId != Vault {
		t.Fatalf("the permissions are %+v", out.CreateVolumePermissions)
	}
	copied := Must[awsec2.CopySnapshotOutput](w, vault, copyIn(id))
	if d := completed(w, vault, *copied.SnapshotId); d.State != types.SnapshotStateCompleted || *d.OwnerId != Vault {
		t.Fatalf("the copy is %s: %q", d.State, deref(d.StateMessage))
	}
	copied = Must[awsec2.CopySnapshotOutput](w, vault, copyIn(locked))
	if d := completed(w, vault, *copied.SnapshotId); d.State != types.SnapshotStateError || *d.StateMessage != "Given key ID is not accessible" {
		t.Fatalf("the copy without the key is %s: %q", d.State, deref(d.StateMessage))
	}
	// Sharing gives no more than reading.
	Refused[awsec2.DeleteSnapshotOutput](w, vault, &awsec2.DeleteSnapshotInput{SnapshotId: id}, "UnauthorizedOperation")
	Refused[awsec2.CreateTagsOutput](w, vault, &awsec2.CreateTagsInput{Resources: []string{*id}, Tags: []types.Tag{{Key: ptr("a")}}}, "InvalidSnapshot.NotFound")
	Must[awsec2.ResetSnapshotAttributeOutput](w, member, &awsec2.ResetSnapshotAttributeInput{
		SnapshotId: id, Attribute: types.SnapshotAttributeNameCreateVolumePermission,
	})
	Refused[awsec2.CopySnapshotOutput](w, vault, copyIn(id), "InvalidSnapshot.NotFound")
	// What a managed key seals is not shared, and nothing encrypted with everybody.
	managed := volume(w, member, awsec2.CreateVolumeInput{Size: ptr[int32](1), Encrypted: ptr(true)})
	snap := snapshot(w, member, managed)
	Refused[awsec2.ModifySnapshotAttributeOutput](w, member, &awsec2.ModifySnapshotAttributeInput{
		SnapshotId: snap.SnapshotId, OperationType: types.OperationTypeAdd, UserIds: []string{Vault},
	}, "InvalidParameter")
	Refused[awsec2.ModifySnapshotAttributeOutput](w, member, &awsec2.ModifySnapshotAttributeInput{
		SnapshotId: id, OperationType: types.OperationTypeAdd, GroupNames: []string{"all"},
	}, "InvalidParameterValue")
}

func TestDeletedVolumeStaysForItsPendingSnapshot(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)})
	data := noise(1, 16<<20)
	write(w, id, 0, data)
	snap := *Must[awsec2.CreateSnapshotOutput](w, c, &awsec2.CreateSnapshotInput{VolumeId: &id}).SnapshotId
	Must[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: &id})
	if d := completed(w, c, snap); d.State != types.SnapshotStateCompleted {
		t.Fatalf("the snapshot is %s: %q", d.State, deref(d.StateMessage))
	}
	Refused[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{VolumeIds: []string{id}}, "InvalidVolume.NotFound")
	restored := volume(w, c, awsec2.CreateVolumeInput{SnapshotId: &snap})
	if !bytes.Equal(read(w, restored, 0, len(data)), data) {
		t.Fatal("the restored volume differs")
	}
}

func TestDescribeSnapshots(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)})
	var all []string
	for i := range 7 {
		out := Must[awsec2.CreateSnapshotOutput](w, c, &awsec2.CreateSnapshotInput{
			VolumeId: &id, Description: ptr("number " + string(rune('0'+i))),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{{Key: ptr("odd"), Value: ptr(string("yn"[i%2]))}}}},
		})
		all = append(all, *out.SnapshotId)
		completed(w, c, *out.SnapshotId)
	}
	count := func(c *api.Caller, in awsec2.DescribeSnapshotsInput) int {
		t.Helper()
		return len(Must[awsec2.DescribeSnapshotsOutput](w, c, &in).Snapshots)
	}
	filter := func(name string, values ...string) awsec2.DescribeSnapshotsInput {
		return awsec2.DescribeSnapshotsInput{Filters: []types.Filter{{Name: &name, Values: values}}}
	}
	for _, tt := range []struct {
		name string
		in   awsec2.DescribeSnapshotsInput
		want int
	}{
		{"all", awsec2.DescribeSnapshotsInput{}, 7},
		{"own", awsec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}, 7},
		{"of another owner", awsec2.DescribeSnapshotsInput{OwnerIds: []string{Vault}}, 0},
		{"restorable by the caller", awsec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"self"}}, 7},
		{"restorable by another", awsec2.DescribeSnapshotsInput{RestorableByUserIds: []string{Vault}}, 0},
		{"by tag", filter("tag:odd", "y"), 4},
		{"by tag key", filter("tag-key", "even"), 0},
		{"by description", filter("description", "number ?"), 7},
		{"by two descriptions", filter("description", "number 1", "*2"), 2},
		{"by status", filter("status", "completed"), 7},
		{"by volume", filter("volume-id", id), 7},
		{"by size", filter("volume-size", "2"), 0},
	} {
		if got := count(c, tt.in); got != tt.want {
			t.Errorf("%s: %d snapshots, want %d", tt.name, got, tt.want)
		}
	}
	if got := count(Admin(Vault), awsec2.DescribeSnapshotsInput{}); got != 0 {
		t.Errorf("another account sees %d snapshots", got)
	}
	if got := count(c.In(North), awsec2.DescribeSnapshotsInput{}); got != 0 {
		t.Errorf("another Region shows %d snapshots", got)
	}
	var paged []string
	in := &awsec2.DescribeSnapshotsInput{MaxResults: ptr[int32](5)}
	for pages := 1; ; pages++ {
		out := Must[awsec2.DescribeSnapshotsOutput](w, c, in)
		for _, s := range out.Snapshots {
			paged = append(paged, *s.SnapshotId)
		}
		if in.NextToken = out.NextToken; out.NextToken == nil {
			if pages != 2 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if diff := cmp.Diff(sorted(all), paged); diff != "" {
		t.Errorf("the pages differ: (-want +got)\n%s", diff)
	}
	bad := filter("colour", "red")
	Refused[awsec2.DescribeSnapshotsOutput](w, c, &bad, "InvalidParameterValue")
	Refused[awsec2.DescribeSnapshotsOutput](w, c, &awsec2.DescribeSnapshotsInput{NextToken: ptr("bm9uZQ==")}, "InvalidNextToken")
	Refused[awsec2.DescribeSnapshotsOutput](w, c, &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{"snap-x"}}, "InvalidSnapshotID.Malformed")
	Refused[awsec2.DescribeSnapshotsOutput](w, c, &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{ebs.NewID("snap-")}}, "InvalidSnapshot.NotFound")
}
