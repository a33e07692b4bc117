package rds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

// An instance whose account chose no key has the account's key for RDS, and so have its snapshots and what is restored from them.
func TestDefaultKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := wish("sealed")
	in.StorageEncrypted = aws.Bool(true)
	i := w.create(in)
	keys := kms.NewFromConfig(w.server.AWS(t, "member", region))
	managed, err := keys.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/rds")})
	if err != nil {
		t.Fatal(err)
	}
	if *i.KmsKeyId != *managed.KeyMetadata.Arn {
		t.Errorf("its key is %s, not %s", *i.KmsKeyId, *managed.KeyMetadata.Arn)
	}
	w.exec(i, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (42)")
	if s := w.snapshot("sealed", "sealed"); !*s.Encrypted || *s.KmsKeyId != *i.KmsKeyId {
		t.Errorf("the snapshot is shown as %+v", s)
	}
	back := w.restore("sealed", "back")
	if !*back.StorageEncrypted || *back.KmsKeyId != *i.KmsKeyId || ask[int](w, back, "SELECT n FROM t") != 42 {
		t.Errorf("what came back is shown as %+v", back)
	}
	trail, err := cloudtrail.NewFromConfig(w.server.AWS(t, "member", region)).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("Decrypt")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(trail.Events, func(e cttypes.Event) bool {
		return strings.Contains(*e.CloudTrailEvent, "rds.amazonaws.com") && strings.Contains(*e.CloudTrailEvent, *back.DbiResourceId)
	}) {
		t.Error("no record tells that RDS unwrapped the instance's key")
	}
}

// An instance can be deleted whose key is disabled; with a final snapshot it cannot, and nobody without the key's permissions
// makes one under it.
func TestDeleteUnderADisabledKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := kms.NewFromConfig(w.server.AWS(t, "member", region))
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	in := wish("locked")
	in.KmsKeyId = key.KeyMetadata.Arn
	foreign := w.as("backup", region)
	_, err = foreign.CreateDBInstance(t.Context(), in)
	refused(t, err, "KMSKeyNotAccessibleFault")
	w.create(in)
	if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	_, err = w.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("locked"), FinalDBSnapshotIdentifier: aws.String("last")})
	refused(t, err, "KMSKeyNotAccessibleFault")
	if _, err := w.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("locked"), SkipFinalSnapshot: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	w.awaitGone("locked")
	if all, err := w.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{}); err != nil || len(all.DBInstances) != 0 {
		t.Errorf("after all there are %v, %v", all, err)
	}
}
