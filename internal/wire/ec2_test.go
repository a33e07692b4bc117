package wire_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
)

func TestEC2(t *testing.T) {
	t.Parallel()
	var create ec2.CreateVolumeInput
	var volumes ec2.DescribeVolumesInput
	var attribute ec2.ModifySnapshotAttributeInput
	var tags ec2.CreateTagsInput
	var snapshots ec2.DescribeSnapshotsInput
	h := newHouse(t, &api.Service{Name: "ec2", Operations: []api.Operation{
		echo("", &create, &ec2.CreateVolumeOutput{VolumeId: aws.String("vol-1"), State: "creating", Size: aws.Int32(8), CreateTime: &at, Encrypted: aws.Bool(true)}),
		echo("", &volumes, &ec2.DescribeVolumesOutput{NextToken: aws.String("n"), Volumes: []types.Volume{{
			VolumeId: aws.String("vol-1"), State: "available", Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
			Attachments: []types.VolumeAttachment{{Device: aws.String("/dev/sdf"), State: "attached"}},
		}}}),
		echo("", &attribute, &ec2.ModifySnapshotAttributeOutput{}),
		echo("", &tags, &ec2.CreateTagsOutput{}),
		echo("", &snapshots, &ec2.DescribeSnapshotsOutput{}),
		op("", func(*ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
			return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: []types.AvailabilityZone{{ZoneName: aws.String("eu-central-1a"), State: "available"}}}, nil
		}),
		op("", func(*ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
			return &ec2.DescribeRegionsOutput{Regions: []types.Region{{RegionName: aws.String("eu-central-1"), Endpoint: aws.String("e"), OptInStatus: aws.String("o")}}}, nil
		}),
		op("", func(*ec2.DescribeSnapshotAttributeInput) (*ec2.DescribeSnapshotAttributeOutput, error) {
			return &ec2.DescribeSnapshotAttributeOutput{SnapshotId: aws.String("snap-1"), CreateVolumePermissions: []types.CreateVolumePermission{{UserId: aws.String("2")}}}, nil
		}),
		op("", func(*ec2.DeleteVolumeInput) (*ec2.DeleteVolumeOutput, error) {
			return nil, api.Errorf("InvalidVolume.NotFound", "The volume 'vol-1' does not exist.")
		}),
	}})
	c := ec2.NewFromConfig(h.config())
	ctx := t.Context()
	out, err := c.CreateVolume(ctx, &ec2.CreateVolumeInput{
		AvailabilityZone: aws.String("eu-central-1a"), Size: aws.Int32(8), VolumeType: "gp3", Encrypted: aws.Bool(true),
		TagSpecifications: []types.TagSpecification{{ResourceType: "volume", Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.VolumeId != "vol-1" || out.State != "creating" || !out.CreateTime.Equal(at) {
		t.Errorf("created %+v", out)
	}
	if *create.Size != 8 || !*create.Encrypted || create.VolumeType != "gp3" || len(create.TagSpecifications) != 1 || *create.TagSpecifications[0].Tags[0].Value != "v" || *create.ClientToken == "" {
		t.Errorf("created with %+v", create)
	}
	listed, err := c.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{"vol-1", "vol-2"}, Filters: []types.Filter{{Name: aws.String("tag:k"), Values: []string{"v", "w"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(volumes.VolumeIds) != 2 || len(volumes.Filters) != 1 || volumes.Filters[0].Values[1] != "w" {
		t.Errorf("listed with %+v", volumes)
	}
	if v := listed.Volumes[0]; v.State != "available" || *v.Tags[0].Value != "v" || *v.Attachments[0].Device != "/dev/sdf" || v.Attachments[0].State != "attached" || *listed.NextToken != "n" {
		t.Errorf("listed %+v", v)
	}
	if _, err := c.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{
		SnapshotId: aws.String("snap-1"), OperationType: "add", UserIds: []string{"222222222222"}, GroupNames: []string{"all"},
		CreateVolumePermission: &types.CreateVolumePermissionModifications{Add: []types.CreateVolumePermission{{UserId: aws.String("3")}}, Remove: []types.CreateVolumePermission{{Group: "all"}}},
	}); err != nil {
		t.Fatal(err)
	}
	if attribute.UserIds[0] != "222222222222" || attribute.GroupNames[0] != "all" || *attribute.CreateVolumePermission.Add[0].UserId != "3" || attribute.CreateVolumePermission.Remove[0].Group != "all" {
		t.Errorf("modified with %+v", attribute)
	}
	if _, err := c.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{"vol-1"}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("")}}}); err != nil || tags.Resources[0] != "vol-1" || *tags.Tags[0].Key != "a" {
		t.Errorf("tagged with %+v, %v", tags, err)
	}
	if _, err := c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, RestorableByUserIds: []string{"1"}, SnapshotIds: []string{"snap-1"}}); err != nil ||
		snapshots.OwnerIds[0] != "self" || snapshots.RestorableByUserIds[0] != "1" || snapshots.SnapshotIds[0] != "snap-1" {
		t.Errorf("listed with %+v, %v", snapshots, err)
	}
	zones, err := c.DescribeAvailabilityZones(ctx, nil)
	if err != nil || zones.AvailabilityZones[0].State != "available" || *zones.AvailabilityZones[0].ZoneName != "eu-central-1a" {
		t.Errorf("zones %+v, %v", zones, err)
	}
	regions, err := c.DescribeRegions(ctx, nil)
	if err != nil || *regions.Regions[0].Endpoint != "e" || *regions.Regions[0].OptInStatus != "o" {
		t.Errorf("Regions %+v, %v", regions, err)
	}
	permissions, err := c.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: aws.String("snap-1"), Attribute: "createVolumePermission"})
	if err != nil || *permissions.CreateVolumePermissions[0].UserId != "2" {
		t.Errorf("permissions %+v, %v", permissions, err)
	}
	_, err = c.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: aws.String("vol-1")})
	wantCode(t, err, "InvalidVolume.NotFound", "vol-1")
	_, err = c.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	wantCode(t, err, "NotImplemented", "ec2:RunInstances")
}
