package rds

import (
	"strconv"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Actions, resources and condition keys are those of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html

// InstanceARN names a DB instance; the id may be *.
func InstanceARN(account, region, id string) string {
	return arn.New("rds", region, account, "db:"+id).String()
}

// SnapshotARN names a snapshot of a kind; the id may be *.
func SnapshotARN(kind, account, region, id string) string {
	if kind == state.ClusterSnapshot {
		return arn.New("rds", region, account, "cluster-snapshot:"+id).String()
	}
	return arn.New("rds", region, account, "snapshot:"+id).String()
}

// InstanceConditions are the condition keys of a DB instance, be it there or asked for.
func InstanceConditions(i state.DBInstance, d state.Database) map[string][]string {
	keys := map[string][]string{
		"rds:DatabaseClass":    {i.Class},
		"rds:DatabaseEngine":   {d.Engine},
		"rds:MultiAz":          {strconv.FormatBool(i.Settings.MultiAZ)},
		"rds:Piops":            {strconv.Itoa(int(i.Settings.IOPS))},
		"rds:StorageEncrypted": {strconv.FormatBool(d.KeyARN != "")},
		"rds:StorageSize":      {strconv.Itoa(int(i.Settings.AllocatedStorage))},
		"rds:Vpc":              {strconv.FormatBool(i.Settings.SubnetGroup != "")},
	}
	if d.Name != "" {
		keys["rds:DatabaseName"] = []string{d.Name}
	}
	return withTags(keys, "rds:db-tag/", i.Tags)
}

// SnapshotConditions are the condition keys of a snapshot.
func SnapshotConditions(s state.DBSnapshot) map[string][]string {
	prefix := "rds:snapshot-tag/"
	if s.Kind == state.ClusterSnapshot {
		prefix = "rds:cluster-snapshot-tag/"
	}
	return withTags(nil, prefix, s.Tags)
}

// withTags adds the condition keys of a resource's tags: aws:ResourceTag/name, and RDS's own.
func withTags(keys map[string][]string, prefix string, tags map[string]string) map[string][]string {
	keys = api.WithResourceTags(keys, tags)
	for name, value := range tags {
		keys[prefix+name] = []string{value}
	}
	return keys
}

// WithRequestTags adds the condition keys of the tags that a request gives: those of AWS, and RDS's own.
func WithRequestTags(keys map[string][]string, tags map[string]string) map[string][]string {
	keys = api.WithRequestTags(keys, tags)
	for name, value := range tags {
		keys["rds:req-tag/"+name] = []string{value}
	}
	return keys
}

// TaggedOnCreation adds the rds:AddTagsToResource that creating a resource with tags needs as well.
func TaggedOnCreation(accesses []api.Access, resource string, tags map[string]string) []api.Access {
	if len(tags) == 0 {
		return accesses
	}
	return append(accesses, api.Access{Action: "rds:AddTagsToResource", Resource: resource, Context: WithRequestTags(nil, tags)})
}

// CreateSnapshotAccess is what whoever takes a snapshot of a DB instance must be allowed.
func CreateSnapshotAccess(i state.DBInstance, d state.Database, id string, tags map[string]string) []api.Access {
	snapshot := SnapshotARN(state.InstanceSnapshot, i.AccountID, i.Region, id)
	return TaggedOnCreation([]api.Access{
		{Action: "rds:CreateDBSnapshot", Resource: InstanceARN(i.AccountID, i.Region, i.ID), ResourceAccountID: i.AccountID, Context: WithRequestTags(InstanceConditions(i, d), tags)},
		{Action: "rds:CreateDBSnapshot", Resource: snapshot, ResourceAccountID: i.AccountID, Context: WithRequestTags(nil, tags)},
	}, snapshot, tags)
}
