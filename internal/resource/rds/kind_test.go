package rds

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/internal/resource"
	"strongroom/internal/state"
)

func TestTakesSnapshots(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{"available": true, "backing-up": true, "starting": true, "rebooting": true, "stopped": false, "creating": false, "failed": false, "storage-full": false, "": false} {
		if takesSnapshots(status) != want {
			t.Errorf("of what is %q snapshots are taken: %t", status, !want)
		}
	}
}

// TestInstanceMetadata: what a recovery point tells of its instance is what a restore takes, in any case; the rest is asked for
// or refused.
func TestInstanceMetadata(t *testing.T) {
	t.Parallel()
	point := state.RecoveryPoint{ARN: "arn:aws:rds:eu-central-1:111111111111:snapshot:awsbackup:job-1"}
	i := state.DBInstance{ID: "orders", Class: "db.t3.micro", Settings: state.DBInstanceSettings{
		AllocatedStorage: 20, StorageType: "gp3", IOPS: 3000, MultiAZ: true, ParameterGroup: "pg", SecurityGroups: []string{"sg-1", "sg-2"}, CopyTags: true,
	}}
	told := instanceMetadata(i, state.Database{Engine: "postgres", EngineVersion: "15.18", Port: 15432, KeyARN: "arn:key"})
	in, err := instanceInput(resource.RestoreRequest{Recovery: point, Metadata: told, Tags: map[string]string{"b": "2", "a": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if *in.DBSnapshotIdentifier != "awsbackup:job-1" || *in.DBInstanceIdentifier != "orders" || *in.Port != 15432 || !*in.MultiAZ || *in.Iops != 3000 || !*in.CopyTagsToSnapshot || *in.DeletionProtection {
		t.Errorf("%+v", in)
	}
	if diff := cmp.Diff([]string{"sg-1", "sg-2"}, in.VpcSecurityGroupIds); diff != "" {
		t.Error(diff)
	}
	if len(in.Tags) != 2 || *in.Tags[0].Key != "a" || *in.Tags[1].Value != "2" {
		t.Errorf("tags %+v", in.Tags)
	}
	for _, row := range []struct {
		metadata map[string]string
		want     string
	}{
		{map[string]string{}, "Missing required restore metadata: DBInstanceIdentifier"},
		{map[string]string{"DBInstanceIdentifier": "null"}, "Missing required restore metadata: DBInstanceIdentifier"},
		{map[string]string{"dbINSTANCEidentifier": "a"}, ""},
		{map[string]string{"DBInstanceIdentifier": "a", "KmsKeyId": "k", "encrypted": "x", "VPCID": "v", "EngineVersion": "1"}, ""},
		{map[string]string{"DBInstanceIdentifier": "a", "Port": "x"}, "Invalid restore metadata: Port"},
		{map[string]string{"DBInstanceIdentifier": "a", "Port": "99999999999"}, "Invalid restore metadata: Port"},
		{map[string]string{"DBInstanceIdentifier": "a", "MultiAZ": "maybe"}, "Invalid restore metadata: MultiAZ"},
		{map[string]string{"DBInstanceIdentifier": "a", "vpcSecurityGroupIds": "sg-1"}, "Invalid restore metadata: VpcSecurityGroupIds"},
		{map[string]string{"DBInstanceIdentifier": "a", "Colour": "red", "Zoo": "x"}, "Invalid restore metadata: Colour"},
	} {
		_, err := instanceInput(resource.RestoreRequest{Recovery: point, Metadata: row.metadata})
		got := ""
		if err != nil {
			got = userMessage(err)
		}
		if got != row.want {
			t.Errorf("%v: %q, want %q", row.metadata, got, row.want)
		}
	}
}
