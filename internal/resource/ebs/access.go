package ebs

import (
	"maps"
	"strconv"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Actions, resources and condition keys are those of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html

// VolumeARN names a volume; the id may be *.
func VolumeARN(account, region, id string) string {
	return arn.New("ec2", region, account, "volume/"+id).String()
}

// SnapshotARN names a snapshot, which has no account; the id may be *.
func SnapshotARN(region, id string) string {
	return arn.New("ec2", region, "", "snapshot/"+id).String()
}

// VolumeConditions are the condition keys of an existing volume.
func VolumeConditions(v state.Volume) map[string][]string {
	keys := map[string][]string{
		"ec2:Region":           {v.Region},
		"ec2:AvailabilityZone": {v.AvailabilityZone},
		"ec2:Encrypted":        {strconv.FormatBool(v.KeyARN != "")},
		"ec2:VolumeID":         {v.ID},
		"ec2:VolumeSize":       {strconv.FormatInt(v.SizeGiB, 10)},
		"ec2:VolumeType":       {v.Type},
		"ec2:VolumeIops":       {strconv.FormatInt(v.IOPS, 10)},
	}
	if v.SnapshotID != "" {
		keys["ec2:ParentSnapshot"] = []string{SnapshotARN(v.Region, v.SnapshotID)}
	}
	return api.WithResourceTags(keys, v.Tags, "ec2")
}

// SnapshotConditions are the condition keys of an existing snapshot.
func SnapshotConditions(s state.Snapshot) map[string][]string {
	keys := map[string][]string{
		"ec2:Region":       {s.Region},
		"ec2:Owner":        {s.AccountID},
		"ec2:ParentVolume": {VolumeARN(s.AccountID, s.Region, s.VolumeID)},
		"ec2:SnapshotID":   {s.ID},
		"ec2:SnapshotTime": {s.Created.Time().Format("2006-01-02T15:04:05.000Z")},
		"ec2:VolumeSize":   {strconv.FormatInt(s.SizeGiB, 10)},
		"ec2:Encrypted":    {strconv.FormatBool(s.KeyARN != "")},
	}
	return api.WithResourceTags(keys, s.Tags, "ec2")
}

// TaggedOnCreation adds the ec2:CreateTags that creating a resource with tags needs as well.
func TaggedOnCreation(accesses []api.Access, operation, resource string, keys map[string][]string, tags map[string]string) []api.Access {
	if len(tags) == 0 {
		return accesses
	}
	keys = maps.Clone(keys)
	keys["ec2:CreateAction"] = []string{operation}
	return append(accesses, api.Access{Action: "ec2:CreateTags", Resource: resource, Context: api.WithRequestTags(keys, tags)})
}

// CreateSnapshotAccess is what whoever takes a snapshot of a volume must be allowed.
func CreateSnapshotAccess(v state.Volume, tags map[string]string) []api.Access {
	volume := VolumeARN(v.AccountID, v.Region, v.ID)
	snapshot := SnapshotARN(v.Region, "*")
	keys := map[string][]string{
		"ec2:Region": {v.Region}, "ec2:Owner": {v.AccountID}, "ec2:ParentVolume": {volume},
		"ec2:VolumeSize": {strconv.FormatInt(v.SizeGiB, 10)}, "ec2:Encrypted": {strconv.FormatBool(v.KeyARN != "")},
	}
	return TaggedOnCreation([]api.Access{
		{Action: "ec2:CreateSnapshot", Resource: volume, ResourceAccountID: v.AccountID, Context: VolumeConditions(v)},
		{Action: "ec2:CreateSnapshot", Resource: snapshot, Context: api.WithRequestTags(keys, tags)},
	}, "CreateSnapshot", snapshot, keys, tags)
}
