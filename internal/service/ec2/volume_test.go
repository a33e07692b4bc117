package ec2_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"strongroom/internal/resource/ebs"
	. "strongroom/internal/resource/ebs/ebstest"
	"strongroom/internal/service/ec2"
)

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

func TestCreateVolumeRefusals(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	for _, tt := range []struct {
		name string
		in   awsec2.CreateVolumeInput
		code string
	}{
		{"no size", awsec2.CreateVolumeInput{AvailabilityZone: ptr(zone)}, "MissingParameter"},
		{"no zone", awsec2.CreateVolumeInput{Size: ptr[int32](1)}, "MissingParameter"},
		{"a zone of another Region", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr("eu-north-1a")}, "InvalidZone.NotFound"},
		{"an unknown type", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), VolumeType: "gp9"}, "InvalidParameterValue"},
		{"too large", awsec2.CreateVolumeInput{Size: ptr[int32](16385), AvailabilityZone: ptr(zone)}, "InvalidParameterValue"},
		{"too small", awsec2.CreateVolumeInput{Size: ptr[int32](100), AvailabilityZone: ptr(zone), VolumeType: "st1"}, "InvalidParameterValue"},
		{"iops of gp2", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), Iops: ptr[int32](100)}, "InvalidParameterCombination"},
		{"io1 without iops", awsec2.CreateVolumeInput{Size: ptr[int32](10), AvailabilityZone: ptr(zone), VolumeType: "io1"}, "MissingParameter"},
		{"too few iops", awsec2.CreateVolumeInput{Size: ptr[int32](10), AvailabilityZone: ptr(zone), VolumeType: "gp3", Iops: ptr[int32](10)}, "InvalidParameterValue"},
		{"too many iops for its size", awsec2.CreateVolumeInput{Size: ptr[int32](10), AvailabilityZone: ptr(zone), VolumeType: "io1", Iops: ptr[int32](501)}, "InvalidParameterCombination"},
		{"too much throughput for its iops", awsec2.CreateVolumeInput{Size: ptr[int32](10), AvailabilityZone: ptr(zone), VolumeType: "gp3", Throughput: ptr[int32](751)}, "InvalidParameterCombination"},
		{"attached to many", awsec2.CreateVolumeInput{Size: ptr[int32](10), AvailabilityZone: ptr(zone), VolumeType: "gp3", MultiAttachEnabled: ptr(true)}, "InvalidParameterCombination"},
		{"a key without encryption", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), KmsKeyId: ptr("alias/x")}, "InvalidParameterDependency"},
		{"an unknown key", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), KmsKeyId: ptr("alias/x"), Encrypted: ptr(true)}, "InvalidKmsKey.NotFound"},
		{"an unknown snapshot", awsec2.CreateVolumeInput{AvailabilityZone: ptr(zone), SnapshotId: ptr(ebs.NewID("snap-"))}, "InvalidSnapshot.NotFound"},
		{"a malformed snapshot", awsec2.CreateVolumeInput{AvailabilityZone: ptr(zone), SnapshotId: ptr("snap")}, "InvalidSnapshotID.Malformed"},
		{"a reserved tag", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: ptr("AWS:x")}}},
		}}, "InvalidParameterValue"},
		{"tags for another kind", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), TagSpecifications: []types.TagSpecification{
			{ResourceType: types.ResourceTypeInstance},
		}}, "InvalidParameterValue"},
		{"a dry run", awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), DryRun: ptr(true)}, "DryRunOperation"},
	} {
		t.Run(tt.name, func(t *testing.T) { Refused[awsec2.CreateVolumeOutput](w, c, &tt.in, tt.code) })
	}
	if got := Must[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{}).Volumes; len(got) != 0 {
		t.Fatalf("refused calls made %+v", got)
	}
}

func TestVolumesAreTheAccountsOwn(t *testing.T) {
	t.Parallel()
	w := New(t)
	c, other := Admin(Member), Admin(Vault)
	id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)})
	Refused[awsec2.DescribeVolumesOutput](w, other, &awsec2.DescribeVolumesInput{VolumeIds: []string{id}}, "InvalidVolume.NotFound")
	Refused[awsec2.DeleteVolumeOutput](w, other, &awsec2.DeleteVolumeInput{VolumeId: &id}, "InvalidVolume.NotFound")
	Refused[awsec2.CreateSnapshotOutput](w, other, &awsec2.CreateSnapshotInput{VolumeId: &id}, "InvalidVolume.NotFound")
	Refused[awsec2.ModifyVolumeOutput](w, other, &awsec2.ModifyVolumeInput{VolumeId: &id, Size: ptr[int32](2)}, "InvalidVolume.NotFound")
	Refused[awsec2.DescribeVolumesOutput](w, c.In(North), &awsec2.DescribeVolumesInput{VolumeIds: []string{id}}, "InvalidVolume.NotFound")
	if got := Must[awsec2.DescribeVolumesOutput](w, other, &awsec2.DescribeVolumesInput{}).Volumes; len(got) != 0 {
		t.Fatalf("another account sees %+v", got)
	}
}

func TestAuthorizationOfVolumes(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := User(Member, "operator")
	w.Policies.Allow(c, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ec2:CreateVolume","Resource":"arn:aws:ec2:*:*:volume/*","Condition":{"Bool":{"ec2:Encrypted":"true"}}},
		{"Effect":"Allow","Action":"ec2:DeleteVolume","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/mine":"yes"}}},
		{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)
	create := func(encrypted bool) *awsec2.CreateVolumeInput {
		return &awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), Encrypted: &encrypted}
	}
	Refused[awsec2.CreateVolumeOutput](w, c, create(false), "UnauthorizedOperation")
	id := *Must[awsec2.CreateVolumeOutput](w, c, create(true)).VolumeId
	tagged := create(true)
	tagged.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: ptr("mine"), Value: ptr("yes")}}}}
	Refused[awsec2.CreateVolumeOutput](w, c, tagged, "UnauthorizedOperation") // ec2:CreateTags is missing
	Refused[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: &id}, "UnauthorizedOperation")
	Must[awsec2.CreateTagsOutput](w, Admin(Member), &awsec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: ptr("mine"), Value: ptr("yes")}}})
	Must[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: &id})
	Refused[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{}, "UnauthorizedOperation")

	// Whoever may not use the key makes no volume under it.
	keyless := User(Member, "keyless")
	w.Policies.Allow(keyless, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`)
	key := w.Key(Admin(Member), "")
	in := create(true)
	in.KmsKeyId = &key
	Refused[awsec2.CreateVolumeOutput](w, keyless, in, "InvalidKmsKey.NotAccessible")
}

func TestClientToken(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	in := &awsec2.CreateVolumeInput{Size: ptr[int32](1), AvailabilityZone: ptr(zone), ClientToken: ptr("once")}
	first := Must[awsec2.CreateVolumeOutput](w, c, in)
	again := Must[awsec2.CreateVolumeOutput](w, c, in)
	if *first.VolumeId != *again.VolumeId {
		t.Fatalf("the token made %s and %s", *first.VolumeId, *again.VolumeId)
	}
	in = &awsec2.CreateVolumeInput{Size: ptr[int32](2), AvailabilityZone: ptr(zone), ClientToken: ptr("once")}
	Refused[awsec2.CreateVolumeOutput](w, c, in, "IdempotentParameterMismatch")
}

func TestDescribeAndModifyVolumes(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	var ids []string
	for i, kind := range []types.VolumeType{"gp2", "gp3", "standard", "gp3", "gp2", "gp2"} {
		ids = append(ids, volume(w, c, awsec2.CreateVolumeInput{
			Size: ptr(int32(i + 1)), VolumeType: kind, Encrypted: ptr(i == 0),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: ptr("n"), Value: ptr(string(rune('0' + i)))}}}},
		}))
	}
	for _, tt := range []struct {
		filter string
		values []string
		want   int
	}{
		{"volume-type", []string{"gp3"}, 2},
		{"volume-type", []string{"gp*"}, 5},
		{"size", []string{"1", "2"}, 2},
		{"encrypted", []string{"true"}, 1},
		{"status", []string{"available"}, 6},
		{"tag:n", []string{"3"}, 1},
		{"tag-key", []string{"n"}, 6},
		{"availability-zone", []string{zone}, 6},
		{"snapshot-id", []string{"snap-*"}, 0},
		{"attachment.status", []string{"attached"}, 0},
		{"volume-id", ids[:2], 2},
	} {
		out := Must[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{Filters: []types.Filter{{Name: &tt.filter, Values: tt.values}}})
		if len(out.Volumes) != tt.want {
			t.Errorf("%s=%v: %d volumes, want %d", tt.filter, tt.values, len(out.Volumes), tt.want)
		}
	}
	first := Must[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{MaxResults: ptr[int32](5)})
	second := Must[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{MaxResults: ptr[int32](5), NextToken: first.NextToken})
	if len(first.Volumes) != 5 || len(second.Volumes) != 1 || second.NextToken != nil {
		t.Errorf("the pages have %d and %d volumes", len(first.Volumes), len(second.Volumes))
	}
	Refused[awsec2.DescribeVolumesOutput](w, Admin(Vault), &awsec2.DescribeVolumesInput{NextToken: first.NextToken}, "InvalidNextToken")
	status := Must[awsec2.DescribeVolumeStatusOutput](w, c, &awsec2.DescribeVolumeStatusInput{VolumeIds: ids[:1]})
	if len(status.VolumeStatuses) != 1 || status.VolumeStatuses[0].VolumeStatus.Status != types.VolumeStatusInfoStatusOk {
		t.Errorf("the status is %+v", status.VolumeStatuses)
	}

	write(w, ids[1], 2<<30-4096, noise(1, 4096))
	m := Must[awsec2.ModifyVolumeOutput](w, c, &awsec2.ModifyVolumeInput{VolumeId: &ids[1], Size: ptr[int32](8), Iops: ptr[int32](4000)}).VolumeModification
	if *m.OriginalSize != 2 || *m.TargetSize != 8 || *m.TargetIops != 4000 || *m.TargetThroughput != 125 {
		t.Errorf("the modification is %+v", m)
	}
	write(w, ids[1], 8<<30-4096, noise(2, 4096))
	if string(read(w, ids[1], 2<<30-4096, 4096)) != string(noise(1, 4096)) {
		t.Error("growing lost what was there")
	}
	Refused[awsec2.ModifyVolumeOutput](w, c, &awsec2.ModifyVolumeInput{VolumeId: &ids[1], Size: ptr[int32](1)}, "InvalidParameterValue")
	Refused[awsec2.ModifyVolumeOutput](w, c, &awsec2.ModifyVolumeInput{VolumeId: &ids[1]}, "InvalidParameterValue")
	modifications := func(in awsec2.DescribeVolumesModificationsInput) []types.VolumeModification {
		return Must[awsec2.DescribeVolumesModificationsOutput](w, c, &in).VolumesModifications
	}
	if got := modifications(awsec2.DescribeVolumesModificationsInput{VolumeIds: ids[1:2]}); len(got) != 1 || *got[0].OriginalSize != 2 || got[0].EndTime == nil {
		t.Errorf("the modifications are %+v", got)
	}
	Refused[awsec2.DescribeVolumesModificationsOutput](w, c, &awsec2.DescribeVolumesModificationsInput{VolumeIds: ids[:1]}, "InvalidVolumeModification.NotFound")
	for i := range int32(3) {
		Must[awsec2.ModifyVolumeOutput](w, c, &awsec2.ModifyVolumeInput{VolumeId: &ids[1], Iops: ptr(3100 + i)})
	}
	Refused[awsec2.ModifyVolumeOutput](w, c, &awsec2.ModifyVolumeInput{VolumeId: &ids[1], Size: ptr[int32](9)}, "VolumeModificationRateExceeded")
	w.Clock.Advance(24 * time.Hour)
	Must[awsec2.ModifyVolumeOutput](w, c, &awsec2.ModifyVolumeInput{VolumeId: &ids[1], VolumeType: types.VolumeTypeGp2})
	for filter, want := range map[string]map[string]int{
		"target-volume-type": {"gp2": 1, "gp3": 0}, "original-iops": {"3102": 1}, "target-size": {"8": 1, "9": 0}, "modification-state": {"completed": 1, "modifying": 0},
	} {
		for value, want := range want {
			if got := modifications(awsec2.DescribeVolumesModificationsInput{Filters: []types.Filter{{Name: &filter, Values: []string{value}}}}); len(got) != want {
				t.Errorf("%s=%s: %d modifications, want %d", filter, value, len(got), want)
			}
		}
	}
	for value, want := range map[string]int{"ok": 6, "impaired": 0} {
		filters := []types.Filter{{Name: ptr("volume-status.status"), Values: []string{value}}}
		if got := Must[awsec2.DescribeVolumeStatusOutput](w, c, &awsec2.DescribeVolumeStatusInput{Filters: filters}).VolumeStatuses; len(got) != want {
			t.Errorf("%d volumes are %s, want %d", len(got), value, want)
		}
	}
	Refused[awsec2.DescribeVolumeStatusOutput](w, c, &awsec2.DescribeVolumeStatusInput{Filters: []types.Filter{{Name: ptr("size"), Values: []string{"1"}}}}, "InvalidParameterValue")

	Must[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: &ids[0]})
	Refused[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: &ids[0]}, "InvalidVolume.NotFound")
	Refused[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: ptr("vol-zz")}, "InvalidVolumeID.Malformed")
	Refused[awsec2.DeleteVolumeOutput](w, c, &awsec2.DeleteVolumeInput{VolumeId: &ids[1], DryRun: ptr(true)}, "DryRunOperation")
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	a, b := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)}), volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)})
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	Must[awsec2.CreateTagsOutput](w, c, &awsec2.CreateTagsInput{Resources: []string{a, b}, Tags: []types.Tag{tag("x", "1"), tag("y", "2")}})
	Refused[awsec2.CreateTagsOutput](w, c, &awsec2.CreateTagsInput{Resources: []string{a, ebs.NewID("vol-")}, Tags: []types.Tag{tag("z", "1")}}, "InvalidVolume.NotFound")
	Refused[awsec2.CreateTagsOutput](w, c, &awsec2.CreateTagsInput{Resources: []string{"i-123"}, Tags: []types.Tag{tag("z", "1")}}, "InvalidID")
	Refused[awsec2.CreateTagsOutput](w, c, &awsec2.CreateTagsInput{Resources: []string{a}, Tags: []types.Tag{tag("aws:z", "1")}}, "InvalidParameterValue")
	var many []types.Tag
	for i := range 49 {
		many = append(many, tag("many"+strings.Repeat("x", i), ""))
	}
	Refused[awsec2.CreateTagsOutput](w, c, &awsec2.CreateTagsInput{Resources: []string{a}, Tags: many}, "TagLimitExceeded")
	Must[awsec2.DeleteTagsOutput](w, c, &awsec2.DeleteTagsInput{Resources: []string{b}, Tags: []types.Tag{{Key: ptr("x")}, tag("y", "other")}})
	out := Must[awsec2.DescribeTagsOutput](w, c, &awsec2.DescribeTagsInput{Filters: []types.Filter{{Name: ptr("resource-type"), Values: []string{"volume"}}}})
	var got []string
	for _, d := range out.Tags {
		got = append(got, map[string]string{a: "a", b: "b"}[*d.ResourceId]+*d.Key+*d.Value)
	}
	if want := []string{"ax1", "ay2", "by2"}; strings.Join(sorted(got), " ") != strings.Join(want, " ") {
		t.Fatalf("the tags are %v, want %v", got, want)
	}
}

func TestEncryptionByDefault(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	key := w.Key(c, "")
	if *Must[awsec2.GetEbsEncryptionByDefaultOutput](w, c, &awsec2.GetEbsEncryptionByDefaultInput{}).EbsEncryptionByDefault {
		t.Fatal("encryption is on from the start")
	}
	Must[awsec2.EnableEbsEncryptionByDefaultOutput](w, c, &awsec2.EnableEbsEncryptionByDefaultInput{})
	keyOf := func() string {
		id := volume(w, c, awsec2.CreateVolumeInput{Size: ptr[int32](1)})
		return deref(Must[awsec2.DescribeVolumesOutput](w, c, &awsec2.DescribeVolumesInput{VolumeIds: []string{id}}).Volumes[0].KmsKeyId)
	}
	managed := Must[awskms.DescribeKeyOutput](w, c, &awskms.DescribeKeyInput{KeyId: ptr("alias/aws/ebs")})
	if got := keyOf(); got != *managed.KeyMetadata.Arn {
		t.Errorf("the default key is %q", got)
	}
	if got := *Must[awsec2.ModifyEbsDefaultKmsKeyIdOutput](w, c, &awsec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key}).KmsKeyId; got != key || keyOf() != key {
		t.Errorf("after ModifyEbsDefaultKmsKeyId the key is %q", got)
	}
	if got := *Must[awsec2.GetEbsDefaultKmsKeyIdOutput](w, c, &awsec2.GetEbsDefaultKmsKeyIdInput{}).KmsKeyId; got != key {
		t.Errorf("GetEbsDefaultKmsKeyId answers %q", got)
	}
	Must[awsec2.ResetEbsDefaultKmsKeyIdOutput](w, c, &awsec2.ResetEbsDefaultKmsKeyIdInput{})
	if got := keyOf(); got != *managed.KeyMetadata.Arn {
		t.Errorf("after the reset the key is %q", got)
	}
	Must[awsec2.DisableEbsEncryptionByDefaultOutput](w, c, &awsec2.DisableEbsEncryptionByDefaultInput{})
	if got := keyOf(); got != "" {
		t.Errorf("an unencrypted volume has the key %q", got)
	}
}

func TestRegionsAndZones(t *testing.T) {
	t.Parallel()
	w := New(t)
	c := Admin(Member)
	out := Must[awsec2.DescribeRegionsOutput](w, c, &awsec2.DescribeRegionsInput{})
	if len(out.Regions) != len(ec2.Regions()) || !slices.IsSorted(ec2.Regions()) {
		t.Fatalf("%d Regions", len(out.Regions))
	}
	one := Must[awsec2.DescribeRegionsOutput](w, c, &awsec2.DescribeRegionsInput{RegionNames: []string{North}})
	if len(one.Regions) != 1 || *one.Regions[0].Endpoint != "ec2.eu-north-1.amazonaws.com" {
		t.Fatalf("one Region: %+v", one.Regions)
	}
	Refused[awsec2.DescribeRegionsOutput](w, c, &awsec2.DescribeRegionsInput{RegionNames: []string{"mars-1"}}, "InvalidParameterValue")
	for region, want := range map[string]string{Region: "euc1-az1", "ap-southeast-2": "apse2-az1", "us-east-1": "use1-az1", "ap-south-1": "aps1-az1"} {
		zones := Must[awsec2.DescribeAvailabilityZonesOutput](w, c.In(region), &awsec2.DescribeAvailabilityZonesInput{}).AvailabilityZones
		if got := *zones[0].ZoneId; got != want {
			t.Errorf("the first zone of %s is %s, want %s", region, got, want)
		}
	}
	for _, tt := range []struct {
		filter, value string
		want          int
	}{
		{"zone-name", Region + "?", 3},
		{"zone-id", "euc1-az2", 1},
		{"group-name", Region + "-zg-1", 3},
		{"region-name", North, 0},
		{"state", "available", 3},
		{"parent-zone-name", "*", 0},
	} {
		zones := Must[awsec2.DescribeAvailabilityZonesOutput](w, c, &awsec2.DescribeAvailabilityZonesInput{
			Filters: []types.Filter{{Name: &tt.filter, Values: []string{tt.value}}},
		}).AvailabilityZones
		if len(zones) != tt.want {
			t.Errorf("%s=%s: %d zones, want %d", tt.filter, tt.value, len(zones), tt.want)
		}
	}
}
