package rds_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/internal/server"
)

// key makes a KMS key of an account in a Region, which the other accounts may use.
func (w *world) key(profile, region, account string) *string {
	w.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::%s:root","arn:aws:iam::%s:root"]},"Action":"kms:*","Resource":"*"}]}`,
		account, server.ManagementAccount)
	out, err := kms.NewFromConfig(w.server.AWS(w.T, profile, region)).CreateKey(w.Context(), &kms.CreateKeyInput{Policy: &policy})
	if err != nil {
		w.Fatal(err)
	}
	return out.KeyMetadata.Arn
}

// copy copies a snapshot and waits until it is available.
func (w *world) copy(in *rds.CopyDBSnapshotInput) types.DBSnapshot {
	w.Helper()
	if _, err := w.CopyDBSnapshot(w.Context(), in); err != nil {
		w.Fatal(err)
	}
	return w.awaitSnapshot(*in.TargetDBSnapshotIdentifier, "available")
}

func (w *world) share(snapshot string, accounts ...string) error {
	_, err := w.ModifyDBSnapshotAttribute(w.Context(), &rds.ModifyDBSnapshotAttributeInput{
		DBSnapshotIdentifier: &snapshot, AttributeName: aws.String("restore"), ValuesToAdd: accounts,
	})
	return err
}

// Copies go to other keys, Regions and accounts, and what is restored from them has the rows of the original.
func TestCopyingSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	second := w.as("member", server.SecondRegion)
	mine, there := w.key("member", region, server.MemberAccount), w.key("member", server.SecondRegion, server.MemberAccount)
	i := w.create(wish("books"))
	w.exec(i, "CREATE TABLE t (n int)", "INSERT INTO t SELECT generate_series(1, 321)")
	plain := w.snapshot("books", "plain")
	if _, err := w.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: plain.DBSnapshotArn, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}); err != nil {
		t.Fatal(err)
	}

	// Within the Region, and encrypted on the way.
	sealed := w.copy(&rds.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: aws.String("plain"), TargetDBSnapshotIdentifier: aws.String("sealed"), KmsKeyId: mine, CopyTags: aws.Bool(true),
		Tags: []types.Tag{{Key: aws.String("own"), Value: aws.String("b")}},
	})
	if !*sealed.Encrypted || *sealed.KmsKeyId != *mine || len(sealed.TagList) != 2 || *sealed.SourceDBSnapshotIdentifier != *plain.DBSnapshotArn || *sealed.SnapshotType != "manual" {
		t.Errorf("the copy is %+v", sealed)
	}
	_, err := w.CopyDBSnapshot(ctx, &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: aws.String("plain"), TargetDBSnapshotIdentifier: aws.String("sealed")})
	refused(t, err, "DBSnapshotAlreadyExists")

	// Into another Region, which must name a key of there.
	across := &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: sealed.DBSnapshotArn, TargetDBSnapshotIdentifier: aws.String("far"), SourceRegion: aws.String(region)}
	_, err = second.CopyDBSnapshot(ctx, across)
	refused(t, err, "InvalidParameterValue")
	across.KmsKeyId = mine
	_, err = second.CopyDBSnapshot(ctx, across)
	refused(t, err, "KMSKeyNotAccessibleFault")
	across.KmsKeyId = there
	far := second.copy(across)
	if *far.KmsKeyId != *there || *far.SourceRegion != region || *far.OptionGroupName != "default:postgres-15" {
		t.Errorf("the copy in the other Region is %+v", far)
	}
	if n := ask[int](second, second.restore("far", "far-books"), "SELECT count(*) FROM t"); n != 321 {
		t.Errorf("restored in the other Region it has %d rows", n)
	}

	// Into another account, once it is shared.
	other := w.as("management", region)
	theirs := other.key("management", region, server.ManagementAccount)
	shared := &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: sealed.DBSnapshotArn, TargetDBSnapshotIdentifier: aws.String("got"), KmsKeyId: theirs}
	_, err = other.CopyDBSnapshot(ctx, shared)
	refused(t, err, "DBSnapshotNotFound")
	refused(t, w.share("sealed", "all"), "InvalidParameterCombination")
	refused(t, w.share("sealed", "12345"), "InvalidParameterValue")
	if err := w.share("sealed", server.ManagementAccount); err != nil {
		t.Fatal(err)
	}
	attributes, err := w.DescribeDBSnapshotAttributes(ctx, &rds.DescribeDBSnapshotAttributesInput{DBSnapshotIdentifier: aws.String("sealed")})
	if err != nil || attributes.DBSnapshotAttributesResult.DBSnapshotAttributes[0].AttributeValues[0] != server.ManagementAccount {
		t.Errorf("it is shared with %+v, %v", attributes, err)
	}
	seen, err := other.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("shared")})
	if err != nil || len(seen.DBSnapshots) != 1 || *seen.DBSnapshots[0].DBSnapshotArn != *sealed.DBSnapshotArn {
		t.Errorf("the other account sees %+v, %v", seen, err)
	}
	shared.KmsKeyId = nil
	_, err = other.CopyDBSnapshot(ctx, shared)
	refused(t, err, "KMSKeyNotAccessibleFault")
	shared.KmsKeyId, shared.CopyTags = theirs, aws.Bool(true)
	_, err = other.CopyDBSnapshot(ctx, shared)
	refused(t, err, "InvalidParameterCombination")
	shared.CopyTags = nil
	got := other.copy(shared)
	if *got.KmsKeyId != *theirs || len(got.TagList) != 0 {
		t.Errorf("the other account's copy is %+v", got)
	}
	_, err = other.DeleteDBSnapshot(ctx, &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: sealed.DBSnapshotArn})
	refused(t, err, "DBSnapshotNotFound")
	if _, err := w.ModifyDBSnapshotAttribute(ctx, &rds.ModifyDBSnapshotAttributeInput{DBSnapshotIdentifier: aws.String("sealed"), AttributeName: aws.String("restore"), ValuesToRemove: []string{server.ManagementAccount}}); err != nil {
		t.Fatal(err)
	}
	_, err = other.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: sealed.DBSnapshotArn})
	refused(t, err, "DBSnapshotNotFound")

	// What lies under the account's key for RDS stays in the account; what is not encrypted may be had by everybody.
	w.copy(&rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: aws.String("plain"), TargetDBSnapshotIdentifier: aws.String("managed"), KmsKeyId: aws.String("alias/aws/rds")})
	err = w.share("managed", server.ManagementAccount)
	refused(t, err, "InvalidParameterCombination")
	if err := w.share("plain", "all"); err != nil {
		t.Fatal(err)
	}
	public, err := other.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("public")})
	if err != nil || len(public.DBSnapshots) != 1 || *public.DBSnapshots[0].DBSnapshotArn != *plain.DBSnapshotArn {
		t.Errorf("public are %+v, %v", public, err)
	}
	if n := ask[int](other, other.restore(*plain.DBSnapshotArn, "public-books"), "SELECT count(*) FROM t"); n != 321 {
		t.Errorf("restored by another account it has %d rows", n)
	}
	if n := ask[int](other, other.restore("got", "got-books"), "SELECT count(*) FROM t"); n != 321 {
		t.Errorf("restored from the copy it has %d rows", n)
	}
}
