package ec2_test

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	. "strongroom/internal/resource/ebs/ebstest"
)

// caller calls operations of the SDK's client by name and remembers which.
type caller struct {
	*World
	client *awsec2.Client
	called map[string]bool
}

func (c caller) do(in any) (any, error) {
	name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
	c.called[name] = true
	out := reflect.ValueOf(c.client).MethodByName(name).Call([]reflect.Value{reflect.ValueOf(c.T.Context()), reflect.ValueOf(in)})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

func over[Out any](c caller, in any) *Out {
	c.T.Helper()
	out, err := c.do(in)
	if err != nil {
		c.T.Fatalf("%T: %v", in, err)
	}
	return out.(*Out)
}

// Every operation of the table is called through the SDK, over HTTP, and its answer read.
func TestEveryOperationThroughTheSDK(t *testing.T) {
	t.Parallel()
	w := New(t)
	client, _ := w.Clients(Member, Region)
	north, _ := w.Clients(Member, North)
	c := caller{w, client, map[string]bool{}}
	c.T = t

	key := w.Key(Admin(Member), "")
	tags := []types.Tag{{Key: ptr("a"), Value: ptr("1")}, {Key: ptr("b"), Value: ptr("")}}
	specification := func(kind types.ResourceType) []types.TagSpecification {
		return []types.TagSpecification{{ResourceType: kind, Tags: tags}}
	}
	created := over[awsec2.CreateVolumeOutput](c, &awsec2.CreateVolumeInput{
		AvailabilityZone: ptr(zone), Size: ptr[int32](4), VolumeType: types.VolumeTypeIo2, Iops: ptr[int32](200), Encrypted: ptr(true), KmsKeyId: &key,
		MultiAttachEnabled: ptr(true), TagSpecifications: specification(types.ResourceTypeVolume),
	})
	id := created.VolumeId
	waiter := awsec2.NewVolumeAvailableWaiter(client, func(o *awsec2.VolumeAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &awsec2.DescribeVolumesInput{VolumeIds: []string{*id}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	got := over[awsec2.DescribeVolumesOutput](c, &awsec2.DescribeVolumesInput{Filters: []types.Filter{{Name: ptr("tag:a"), Values: []string{"1"}}}}).Volumes
	want := []types.Volume{{
		VolumeId: id, AvailabilityZone: ptr(zone), AvailabilityZoneId: ptr("euc1-az1"), CreateTime: ptr(w.Clock.Now()), Encrypted: ptr(true), KmsKeyId: &key,
		Iops: ptr[int32](200), MultiAttachEnabled: ptr(true), Size: ptr[int32](4), SnapshotId: ptr(""), State: types.VolumeStateAvailable, VolumeType: types.VolumeTypeIo2,
		Tags: tags,
	}}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".noSmithyDocumentSerde" || p.Last().String() == ".Attachments"
	}, cmp.Ignore())); diff != "" {
		t.Errorf("the volume: (-want +got)\n%s", diff)
	}
	if n := len(over[awsec2.DescribeVolumeStatusOutput](c, &awsec2.DescribeVolumeStatusInput{}).VolumeStatuses); n != 1 {
		t.Errorf("%d statuses", n)
	}
	m := over[awsec2.ModifyVolumeOutput](c, &awsec2.ModifyVolumeInput{VolumeId: id, Size: ptr[int32](5)}).VolumeModification
	if *m.TargetSize != 5 || m.ModificationState != types.VolumeModificationStateCompleted {
		t.Errorf("the modification is %+v", m)
	}
	if n := len(over[awsec2.DescribeVolumesModificationsOutput](c, &awsec2.DescribeVolumesModificationsInput{VolumeIds: []string{*id}}).VolumesModifications); n != 1 {
		t.Errorf("%d modifications", n)
	}

	snap := over[awsec2.CreateSnapshotOutput](c, &awsec2.CreateSnapshotInput{VolumeId: id, Description: ptr("a <moment> & more"), TagSpecifications: specification(types.ResourceTypeSnapshot)}).SnapshotId
	completedWaiter := awsec2.NewSnapshotCompletedWaiter(client, func(o *awsec2.SnapshotCompletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
	})
	if err := completedWaiter.Wait(t.Context(), &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{*snap}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	s := over[awsec2.DescribeSnapshotsOutput](c, &awsec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}}).Snapshots[0]
	if *s.Description != "a <moment> & more" || *s.VolumeSize != 5 || *s.OwnerId != Member || *s.KmsKeyId != key || len(s.Tags) != 2 || *s.Progress != "100%" {
		t.Errorf("the snapshot is %+v", s)
	}
	over[awsec2.ModifySnapshotAttributeOutput](c, &awsec2.ModifySnapshotAttributeInput{
		SnapshotId: snap, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: types.OperationTypeAdd, UserIds: []string{Vault},
	})
	attribute := over[awsec2.DescribeSnapshotAttributeOutput](c, &awsec2.DescribeSnapshotAttributeInput{SnapshotId: snap, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	if len(attribute.CreateVolumePermissions) != 1 || *attribute.CreateVolumePermissions[0].UserId != Vault {
		t.Errorf("the permissions are %+v", attribute.CreateVolumePermissions)
	}
	over[awsec2.ResetSnapshotAttributeOutput](c, &awsec2.ResetSnapshotAttributeInput{SnapshotId: snap, Attribute: types.SnapshotAttributeNameCreateVolumePermission})

	c.client = north
	copied := over[awsec2.CopySnapshotOutput](c, &awsec2.CopySnapshotInput{SourceRegion: ptr(Region), SourceSnapshotId: snap, TagSpecifications: specification(types.ResourceTypeSnapshot)})
	if len(copied.Tags) != 2 {
		t.Errorf("the copy's tags are %+v", copied.Tags)
	}
	if d := completed(w, Admin(Member).In(North), *copied.SnapshotId); d.State != types.SnapshotStateCompleted || d.TransferType != types.TransferTypeStandard {
		t.Errorf("the copy is %+v", d)
	}
	c.client = client

	over[awsec2.CreateTagsOutput](c, &awsec2.CreateTagsInput{Resources: []string{*id, *snap}, Tags: []types.Tag{{Key: ptr("c"), Value: ptr("3")}}})
	over[awsec2.DeleteTagsOutput](c, &awsec2.DeleteTagsInput{Resources: []string{*snap}, Tags: []types.Tag{{Key: ptr("a")}}})
	if n := len(over[awsec2.DescribeTagsOutput](c, &awsec2.DescribeTagsInput{}).Tags); n != 5 {
		t.Errorf("%d tags", n)
	}

	if n := len(over[awsec2.DescribeRegionsOutput](c, &awsec2.DescribeRegionsInput{}).Regions); n < 30 {
		t.Errorf("%d Regions", n)
	}
	if n := len(over[awsec2.DescribeAvailabilityZonesOutput](c, &awsec2.DescribeAvailabilityZonesInput{}).AvailabilityZones); n != 3 {
		t.Errorf("%d zones", n)
	}
	if !*over[awsec2.EnableEbsEncryptionByDefaultOutput](c, &awsec2.EnableEbsEncryptionByDefaultInput{}).EbsEncryptionByDefault ||
		!*over[awsec2.GetEbsEncryptionByDefaultOutput](c, &awsec2.GetEbsEncryptionByDefaultInput{}).EbsEncryptionByDefault ||
		*over[awsec2.DisableEbsEncryptionByDefaultOutput](c, &awsec2.DisableEbsEncryptionByDefaultInput{}).EbsEncryptionByDefault {
		t.Error("encryption by default does not follow")
	}
	if *over[awsec2.ModifyEbsDefaultKmsKeyIdOutput](c, &awsec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key}).KmsKeyId != key ||
		*over[awsec2.GetEbsDefaultKmsKeyIdOutput](c, &awsec2.GetEbsDefaultKmsKeyIdInput{}).KmsKeyId != key ||
		*over[awsec2.ResetEbsDefaultKmsKeyIdOutput](c, &awsec2.ResetEbsDefaultKmsKeyIdInput{}).KmsKeyId != "alias/aws/ebs" {
		t.Error("the default key does not follow")
	}

	attributes := over[awsec2.DescribeAccountAttributesOutput](c, &awsec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{"supported-platforms"}})
	if a := attributes.AccountAttributes; len(a) != 1 || *a[0].AttributeName != "supported-platforms" || *a[0].AttributeValues[0].AttributeValue != "VPC" {
		t.Errorf("the account's attributes are %+v", a)
	}
	over[awsec2.ModifyVolumeAttributeOutput](c, &awsec2.ModifyVolumeAttributeInput{VolumeId: id, AutoEnableIO: &types.AttributeBooleanValue{Value: ptr(true)}})
	auto := over[awsec2.DescribeVolumeAttributeOutput](c, &awsec2.DescribeVolumeAttributeInput{VolumeId: id, Attribute: types.VolumeAttributeNameAutoEnableIO})
	if *auto.VolumeId != *id || !*auto.AutoEnableIO.Value {
		t.Errorf("the attribute is %+v", auto)
	}
	over[awsec2.EnableVolumeIOOutput](c, &awsec2.EnableVolumeIOInput{VolumeId: id})
	if n := len(over[awsec2.DescribeInstancesOutput](c, &awsec2.DescribeInstancesInput{}).Reservations) +
		len(over[awsec2.ListSnapshotsInRecycleBinOutput](c, &awsec2.ListSnapshotsInRecycleBinInput{}).Snapshots) +
		len(over[awsec2.ListVolumesInRecycleBinOutput](c, &awsec2.ListVolumesInRecycleBinInput{}).Volumes) +
		len(over[awsec2.DescribeFastSnapshotRestoresOutput](c, &awsec2.DescribeFastSnapshotRestoresInput{}).FastSnapshotRestores); n != 0 {
		t.Errorf("%d of what there is nothing of", n)
	}
	for code, in := range map[string]any{
		"InvalidInstanceID.NotFound": &awsec2.AttachVolumeInput{VolumeId: id, InstanceId: ptr("i-0123456789abcdef0"), Device: ptr("/dev/sdf")},
		"IncorrectState":             &awsec2.DetachVolumeInput{VolumeId: id},
	} {
		var coded smithy.APIError
		if _, err := c.do(in); !errors.As(err, &coded) || coded.ErrorCode() != code {
			t.Errorf("%T: %v, want %s", in, err, code)
		}
	}
	if over[awsec2.EnableSnapshotBlockPublicAccessOutput](c, &awsec2.EnableSnapshotBlockPublicAccessInput{State: "block-all-sharing"}).State != "block-all-sharing" ||
		over[awsec2.GetSnapshotBlockPublicAccessStateOutput](c, &awsec2.GetSnapshotBlockPublicAccessStateInput{}).State != "block-all-sharing" ||
		over[awsec2.DisableSnapshotBlockPublicAccessOutput](c, &awsec2.DisableSnapshotBlockPublicAccessInput{}).State != "unblocked" {
		t.Error("the block of public access does not follow")
	}
	lock := over[awsec2.LockSnapshotOutput](c, &awsec2.LockSnapshotInput{SnapshotId: snap, LockMode: types.LockModeCompliance, LockDuration: ptr[int32](2), CoolOffPeriod: ptr[int32](3)})
	locked := over[awsec2.DescribeLockedSnapshotsOutput](c, &awsec2.DescribeLockedSnapshotsInput{}).Snapshots
	if now := w.Clock.Now(); lock.LockState != types.LockStateComplianceCooloff || !lock.LockExpiresOn.Equal(now.Add(48*time.Hour)) || !lock.CoolOffPeriodExpiresOn.Equal(now.Add(3*time.Hour)) ||
		len(locked) != 1 || *locked[0].SnapshotId != *snap || *locked[0].LockDuration != 2 || *locked[0].OwnerId != Member {
		t.Errorf("the lock is %+v, listed as %+v", lock, locked)
	}
	over[awsec2.UnlockSnapshotOutput](c, &awsec2.UnlockSnapshotInput{SnapshotId: snap})
	over[awsec2.ModifySnapshotTierOutput](c, &awsec2.ModifySnapshotTierInput{SnapshotId: snap, StorageTier: types.TargetStorageTierArchive})
	back := over[awsec2.RestoreSnapshotTierOutput](c, &awsec2.RestoreSnapshotTierInput{SnapshotId: snap, TemporaryRestoreDays: ptr[int32](7)})
	tiers := over[awsec2.DescribeSnapshotTierStatusOutput](c, &awsec2.DescribeSnapshotTierStatusInput{}).SnapshotTierStatuses
	if *back.RestoreDuration != 7 || *back.IsPermanentRestore || len(tiers) != 1 || tiers[0].StorageTier != types.StorageTierArchive ||
		!tiers[0].RestoreExpiryTime.Equal(w.Clock.Now().Add(7*24*time.Hour)) || tiers[0].LastTieringOperationStatus != types.TieringOperationStatusTemporaryRestoreCompleted {
		t.Errorf("restored as %+v, listed as %+v", back, tiers)
	}

	over[awsec2.DeleteSnapshotOutput](c, &awsec2.DeleteSnapshotInput{SnapshotId: snap})
	over[awsec2.DeleteVolumeOutput](c, &awsec2.DeleteVolumeInput{VolumeId: id})

	for _, op := range w.Door.Service("ec2").Operations {
		if !c.called[op.Name] {
			t.Errorf("%s was not called", op.Name)
		}
	}
}

// Errors come in EC2's own form, with its codes and statuses.
func TestErrorsOverHTTP(t *testing.T) {
	t.Parallel()
	w := New(t)
	client, _ := w.Clients(Member, Region)
	for _, tt := range []struct {
		code   string
		status int
		call   func() error
	}{
		{"InvalidVolume.NotFound", http.StatusBadRequest, func() error {
			_, err := client.DeleteVolume(t.Context(), &awsec2.DeleteVolumeInput{VolumeId: ptr("vol-00000000000000000")})
			return err
		}},
		{"DryRunOperation", http.StatusPreconditionFailed, func() error {
			_, err := client.DescribeVolumes(t.Context(), &awsec2.DescribeVolumesInput{DryRun: ptr(true)})
			return err
		}},
		{"InvalidVolume.NotFound", http.StatusBadRequest, func() error {
			_, err := client.AttachVolume(t.Context(), &awsec2.AttachVolumeInput{VolumeId: ptr("vol-00000000000000000"), InstanceId: ptr("i-00000000000000000"), Device: ptr("/dev/sdf")})
			return err
		}},
		{"InvalidVolumeID.Malformed", http.StatusBadRequest, func() error {
			_, err := client.DetachVolume(t.Context(), &awsec2.DetachVolumeInput{VolumeId: ptr("vol-x")})
			return err
		}},
		{"NotImplemented", http.StatusNotImplemented, func() error {
			_, err := client.RunInstances(t.Context(), &awsec2.RunInstancesInput{MinCount: ptr[int32](1), MaxCount: ptr[int32](1)})
			return err
		}},
	} {
		err := tt.call()
		var coded smithy.APIError
		var response *smithyhttp.ResponseError
		if !errors.As(err, &coded) || coded.ErrorCode() != tt.code || !errors.As(err, &response) || response.HTTPStatusCode() != tt.status {
			t.Errorf("got %v, want %s with status %d", err, tt.code, tt.status)
		}
	}
}
