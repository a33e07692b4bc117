package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"strongroom/internal/strongroomtest"
)

// invitable is an account beside those of server -dev.
const invitable = "333333333333"

// matrixWorld is an account with one of everything, so that a call that is allowed finds what it names.
type matrixWorld struct {
	m, manager *party
	values     map[string]any // see filler
}

func newMatrixWorld(t *testing.T, s *strongroomtest.Server) *matrixWorld {
	t.Helper()
	ctx := t.Context()
	w := &matrixWorld{m: enter(t, s, member, home), manager: enter(t, s, management, home), values: map[string]any{}}
	o := newPossessions(t, w.m)
	w.m.vault(t, "empty-vault", "")
	set := func(pairs map[string]any) {
		for name, value := range pairs {
			w.values[name] = value
		}
	}
	anyPolicy := *policy(statement{"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"})
	identityPolicy := *policy(statement{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"})
	set(map[string]any{
		"backup.BackupVaultName": o.vault, "backup.RecoveryPointArn": o.point, "backup.BackupPlanId": o.plan, "backup.SelectionId": o.selection,
		"backup.BackupJobId": o.backupJob, "backup.CopyJobId": o.copyJob, "backup.RestoreJobId": o.restoreJob,
		"backup.ResourceArn": "arn:aws:s3:::" + o.bucket, "backup.IamRoleArn": o.role, "backup.Metadata": w.m.metadata(o.point, "matrix-restored"),
		"backup.DestinationBackupVaultArn": o.otherVault, "backup.SourceBackupVaultName": o.vault,
		"backup.BackupPlanTemplateJson":                           `{"BackupPlanName":"p","Rules":[{"RuleName":"r","TargetBackupVaultName":"local-vault"}]}`,
		"backup:ListTags.ResourceArn":                             w.m.vaultARN(o.vault),
		"backup:TagResource.ResourceArn":                          w.m.vaultARN(o.vault),
		"backup:TagResource.Tags":                                 map[string]string{"matrix": "yes"},
		"backup:UntagResource.ResourceArn":                        w.m.vaultARN(o.vault),
		"backup:UntagResource.TagKeyList":                         []string{"matrix"},
		"backup:CreateBackupVault.BackupVaultName":                "matrix-vault",
		"backup:DeleteBackupVault.BackupVaultName":                "empty-vault",
		"backup:PutBackupVaultAccessPolicy.Policy":                anyPolicy,
		"backup:PutBackupVaultLockConfiguration.MinRetentionDays": int64(1),
		"backup.BackupPlan": &backuptypes.BackupPlanInput{BackupPlanName: aws.String("matrix"), Rules: []backuptypes.BackupRuleInput{{
			RuleName: aws.String("rule"), TargetBackupVaultName: &o.vault, ScheduleExpression: aws.String(inHalfADay()),
		}}},
		"backup.BackupSelection":                                  &backuptypes.BackupSelection{SelectionName: aws.String("matrix"), IamRoleArn: &o.role, Resources: []string{"arn:aws:s3:::" + o.bucket}},
		"backup:UpdateRegionSettings.ResourceTypeOptInPreference": map[string]bool{"EBS": true},
		"backup:UpdateGlobalSettings.GlobalSettings":              map[string]string{"isCrossAccountBackupEnabled": "true"},
		"backup:UpdateRecoveryPointLifecycle.Lifecycle":           &backuptypes.Lifecycle{DeleteAfterDays: aws.Int64(100)},
	})
	w.ofBackup(t, o, set)
	w.ofEC2(t, o, set)
	w.ofRDS(t, set)
	w.ofClusters(t, set)
	w.ofRDSGroups(t, set)
	w.ofIAM(t, set, identityPolicy)
	w.ofKMS(t, o, set)
	w.ofS3(t, o, set)
	w.ofOrganizations(t, set)
	w.ofSQS(t, set)
	w.ofSNS(t, set)
	w.ofEvents(t, set)
	w.ofLogs(t, set)
	w.ofLambda(t, set)
	w.ofMappings(t, set)
	w.ofCloudTrail(t, set)
	_, err := newParty(member, once(w.m.user(t, "curious").config)).ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		t.Fatalf("a user without permissions sees volumes: %v", err)
	}
	_, encoded, _ := strings.Cut(refused.ErrorMessage(), "Encoded authorization failure message: ")
	set(map[string]any{
		"sts.EncodedMessage": encoded,
		"sts.RoleArn":        w.m.visited(t), "sts.RoleSessionName": "matrix", "sts:GetAccessKeyInfo.AccessKeyId": w.values["iam.AccessKeyId"],
		"tagging:TagResources.ResourceARNList": []string{w.m.volumeARN(o.volume)}, "tagging:TagResources.Tags": map[string]string{"matrix": "yes"},
		"tagging:UntagResources.ResourceARNList": []string{w.m.volumeARN(o.volume)}, "tagging:UntagResources.TagKeys": []string{"matrix"},
		"tagging:GetTagValues.Key": "owner",
	})
	return w
}

// visited makes a role that its account may assume.
func (p *party) visited(t *testing.T) string {
	t.Helper()
	return *must(p.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("visited"), AssumeRolePolicyDocument: policy(
		statement{"Effect": "Allow", "Principal": statement{"AWS": p.root()}, "Action": "sts:AssumeRole"})}))(t, "making a role").Role.Arn
}

func (w *matrixWorld) ofBackup(t *testing.T, o *possessions, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), w.m.backup
	held := &backuptypes.RecoveryPointSelection{VaultNames: []string{"second-vault"}, DateRange: &backuptypes.DateRange{FromDate: aws.Time(time.Now().Add(-time.Hour)), ToDate: aws.Time(time.Now())}}
	hold := must(c.CreateLegalHold(ctx, &backup.CreateLegalHoldInput{Title: aws.String("possessed"), Description: aws.String("d"), RecoveryPointSelection: held}))(t, "holding").LegalHoldId
	template := must(c.ListBackupPlanTemplates(ctx, &backup.ListBackupPlanTemplatesInput{}))(t, "listing templates").BackupPlanTemplatesList[0].BackupPlanTemplateId
	set(map[string]any{
		"backup:DeleteBackupPlan.BackupPlanId": w.m.plan(t, "spare", backuptypes.BackupRuleInput{ScheduleExpression: aws.String(inHalfADay())}),
		"backup.LegalHoldId":                   *hold, "backup:CreateLegalHold.RecoveryPointSelection": held, "backup.BackupPlanTemplateId": *template,
		"backup.SNSTopicArn": "arn:aws:sns:" + home + ":" + w.m.id + ":possessed", "backup.BackupVaultEvents": backuptypes.BackupVaultEventBackupJobCompleted,
	})
}

func (w *matrixWorld) ofEC2(t *testing.T, o *possessions, set func(map[string]any)) {
	t.Helper()
	ctx := t.Context()
	pending := must(w.m.ebs.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)}))(t, "starting a snapshot")
	spare := must(w.m.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(home + "a"), Size: aws.Int32(1)}))(t, "making a volume")
	w.m.volumeDone(t, *spare.VolumeId)
	kept := must(w.m.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: spare.VolumeId}))(t, "making a snapshot").SnapshotId
	w.m.snapshotDone(t, *kept)
	block := must(w.m.ebs.ListSnapshotBlocks(ctx, &ebs.ListSnapshotBlocksInput{SnapshotId: &o.ownSnapshot}))(t, "listing blocks").Blocks[0]
	set(map[string]any{
		"ec2.VolumeId": o.volume, "ec2.SnapshotId": o.ownSnapshot, "ec2.SourceSnapshotId": o.ownSnapshot, "ec2.SourceRegion": home,
		"ec2.AvailabilityZone": home + "a", "ec2.Attribute": ec2types.SnapshotAttributeNameCreateVolumePermission, "ec2.Resources": o.volume,
		"ec2.Tags": []ec2types.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}, "ec2.KmsKeyId": o.key,
		"ec2:CreateVolume.AvailabilityZone": home + "a", "ec2:CreateVolume.Size": 1, "ec2:DeleteVolume.VolumeId": *spare.VolumeId,
		"ec2:DescribeVolumes.VolumeIds": o.volume, "ec2:DescribeSnapshots.SnapshotIds": o.ownSnapshot, "ec2:ModifyVolume.Size": 2,
		"ec2:ModifySnapshotAttribute.CreateVolumePermission": &ec2types.CreateVolumePermissionModifications{Add: []ec2types.CreateVolumePermission{{UserId: aws.String(management)}}},
		"ec2:DescribeVolumeAttribute.Attribute":              ec2types.VolumeAttributeNameAutoEnableIO,
		"ec2:ModifyVolumeAttribute.AutoEnableIO":             &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
		"ec2:EnableSnapshotBlockPublicAccess.State":          ec2types.SnapshotBlockPublicAccessStateBlockAllSharing,
		"ec2:LockSnapshot.LockMode":                          ec2types.LockModeGovernance, "ec2:LockSnapshot.LockDuration": 1, "ec2:LockSnapshot.SnapshotId": *kept, "ec2:UnlockSnapshot.SnapshotId": *kept,
		"ec2:ModifySnapshotTier.SnapshotId": *kept, "ec2:RestoreSnapshotTier.SnapshotId": *kept, "ec2:RestoreSnapshotTier.PermanentRestore": true,
		"ebs.SnapshotId": o.ownSnapshot, "ebs.BlockIndex": *block.BlockIndex, "ebs.BlockToken": *block.BlockToken, "ebs.VolumeSize": int64(1),
		"ebs:ListChangedBlocks.SecondSnapshotId": o.ownSnapshot, "ebs:CompleteSnapshot.SnapshotId": *pending.SnapshotId, "ebs.ChangedBlocksCount": 1,
		"ebs:PutSnapshotBlock.SnapshotId": *pending.SnapshotId, "ebs:PutSnapshotBlock.BlockIndex": 0, "ebs.DataLength": blockSize,
	})
	data, sum := checksummed()
	set(map[string]any{"ebs.BlockData": data, "ebs.Checksum": sum, "ebs.ChecksumAlgorithm": "SHA256"})
}

func (w *matrixWorld) ofIAM(t *testing.T, set func(map[string]any), document string) {
	t.Helper()
	ctx, c, name := t.Context(), w.m.iam, aws.String("possessed")
	must(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))(t, "making a user")
	must(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name}))(t, "making a group")
	must(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: name, GroupName: name}))(t, "filling a group")
	must(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: serviceTrust()}))(t, "making a role")
	key := must(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name}))(t, "making a key").AccessKey.AccessKeyId
	managed := must(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: &document}))(t, "making a policy").Policy.Arn
	must(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: managed, PolicyDocument: &document}))(t, "making a version")
	for _, err := range []error{
		second(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: &document})),
		second(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: name, PolicyName: name, PolicyDocument: &document})),
		second(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: name, PolicyDocument: &document})),
		second(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: managed})),
		second(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: name, PolicyArn: managed})),
		second(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: managed})),
	} {
		if err != nil {
			t.Fatalf("giving policies: %v", err)
		}
	}
	set(map[string]any{
		"iam.UserName": *name, "iam.GroupName": *name, "iam.RoleName": *name, "iam.PolicyName": *name, "iam.PolicyArn": *managed, "iam.AccessKeyId": *key,
		"iam.PolicyDocument": document, "iam.AssumeRolePolicyDocument": *serviceTrust(), "iam.VersionId": "v1", "iam.PermissionsBoundary": *managed,
		"iam:CreateUser.UserName": "matrix", "iam:CreateGroup.GroupName": "matrix", "iam:CreateRole.RoleName": "matrix", "iam:CreatePolicy.PolicyName": "matrix",
		"iam:CreateServiceLinkedRole.AWSServiceName": "backup.amazonaws.com", "iam:GetUser.UserName": *name,
		"iam:CreateAccessKey.UserName": *name, "iam:DeleteAccessKey.UserName": *name, "iam:UpdateAccessKey.UserName": *name, "iam:ListAccessKeys.UserName": *name,
		"iam:DeleteServiceLinkedRole.RoleName": "AWSServiceRoleForBackup", "iam:UpdateAccessKey.Status": "Inactive",
	})
	for _, err := range []error{
		second(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("spare")})),
		second(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("spare")})),
		second(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("spare"), AssumeRolePolicyDocument: serviceTrust()})),
		second(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("spare")})),
	} {
		if err != nil {
			t.Fatalf("making what is deleted: %v", err)
		}
	}
	spare := must(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("spare"), PolicyDocument: &document}))(t, "making a policy").Policy.Arn
	set(map[string]any{
		"iam:DeleteUser.UserName": "spare", "iam:DeleteGroup.GroupName": "spare", "iam:DeleteRole.RoleName": "spare", "iam:DeletePolicy.PolicyArn": *spare,
		"iam:DeleteInstanceProfile.InstanceProfileName": "spare", "iam:GetLoginProfile.UserName": *name, "iam:DeleteLoginProfile.UserName": *name,
		"iam:UpdateLoginProfile.UserName": *name, "iam:DeletePolicyVersion.VersionId": "v2",
	})
	job := must(c.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: managed}))(t, "asking for uses").JobId
	task := must(c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("AWSServiceRoleForBackup")}))(t, "deleting the linked role").DeletionTaskId
	set(map[string]any{
		"iam.Arn": *managed, "iam.PolicySourceArn": w.m.roleARN(), "iam.JobId": *job, "iam.ServiceNamespace": "s3", "iam.ServiceNamespaces": []string{"s3"},
		"iam.PolicyInputList": []string{document}, "iam.ActionNames": []string{"s3:ListAllMyBuckets"}, "iam.DeletionTaskId": *task,
	})
	public, certificate := identityDocuments(t)
	set(map[string]any{"iam.SSHPublicKeyBody": public, "iam.CertificateBody": certificate, "iam.ServiceName": "codecommit.amazonaws.com"})
	for _, upload := range []string{"UploadSigningCertificate", "CreateServiceSpecificCredential", "UploadSSHPublicKey"} {
		set(map[string]any{"iam:" + upload + ".UserName": *name})
	}
	device := must(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: name}))(t, "making a device").VirtualMFADevice.SerialNumber
	must(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name}))(t, "making a profile")
	set(map[string]any{
		"iam.SerialNumber": *device, "iam.AuthenticationCode1": "123456", "iam.AuthenticationCode2": "654321", "iam:CreateVirtualMFADevice.VirtualMFADeviceName": "matrix",
		"iam.InstanceProfileName": *name, "iam:CreateInstanceProfile.InstanceProfileName": "matrix", "iam.AccountAlias": "matrix-alias",
		"iam:CreateLoginProfile.Password": "Matrix-123456", "iam:CreateLoginProfile.UserName": *name, "iam.NewPassword": "Matrix-123456", "iam.OldPassword": "Matrix-123450", "iam.Tags": []iamtypes.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}, "iam.TagKeys": []string{"matrix"},
	})
	set(map[string]any{"iam:UpdateAssumeRolePolicy.PolicyDocument": *serviceTrust()})
}

// identityDocuments are a public key and a certificate of it.
func identityDocuments(t *testing.T) (public, certificate string) {
	t.Helper()
	key := must(rsa.GenerateKey(rand.Reader, 2048))(t, "making a key")
	encoded := must(x509.MarshalPKIXPublicKey(&key.PublicKey))(t, "encoding a key")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	signed := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t, "signing a certificate")
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
}

// second is the error of a call whose output does not matter.
func second[T any](_ T, err error) error { return err }

func (w *matrixWorld) ofKMS(t *testing.T, o *possessions, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), w.m.kms
	must(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/possessed"), TargetKeyId: &o.key}))(t, "naming a key")
	grant := must(c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &o.key, GranteePrincipal: aws.String(w.m.root()), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
	}))(t, "granting")
	retired := must(c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &o.key, GranteePrincipal: aws.String(w.m.root()), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationEncrypt},
	}))(t, "granting")
	of := func(in kms.CreateKeyInput) string {
		return *must(c.CreateKey(ctx, &in))(t, "making a key").KeyMetadata.Arn
	}
	signing := of(kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccNistP256, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	mac := of(kms.CreateKeyInput{KeySpec: kmstypes.KeySpecHmac256, KeyUsage: kmstypes.KeyUsageTypeGenerateVerifyMac})
	external := of(kms.CreateKeyInput{Origin: kmstypes.OriginTypeExternal})
	primary := of(kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	must(c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: &primary, ReplicaRegion: aws.String(north)}))(t, "replicating a key")
	ended := of(kms.CreateKeyInput{})
	scheduled := of(kms.CreateKeyInput{})
	must(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &scheduled}))(t, "scheduling")
	set(map[string]any{
		"kms:Sign.KeyId": signing, "kms:Verify.KeyId": signing, "kms:GetPublicKey.KeyId": signing, "kms.SigningAlgorithm": "ECDSA_SHA_256",
		"kms:GenerateMac.KeyId": mac, "kms:VerifyMac.KeyId": mac, "kms.MacAlgorithm": "HMAC_SHA_256",
		"kms:GetParametersForImport.KeyId": external, "kms:ImportKeyMaterial.KeyId": external, "kms:DeleteImportedKeyMaterial.KeyId": external,
		"kms:ImportKeyMaterial.ExpirationModel": kmstypes.ExpirationModelTypeKeyMaterialDoesNotExpire, "kms.WrappingAlgorithm": "RSAES_OAEP_SHA_256", "kms.WrappingKeySpec": "RSA_2048", "kms:CancelKeyDeletion.KeyId": scheduled,
		"kms:ReplicateKey.KeyId": of(kms.CreateKeyInput{MultiRegion: aws.Bool(true)}), "kms:ScheduleKeyDeletion.KeyId": ended, "kms.ReplicaRegion": north, "kms:UpdatePrimaryRegion.KeyId": primary, "kms.PrimaryRegion": north,
		"kms:RetireGrant.KeyId": o.key, "kms:RetireGrant.GrantId": *retired.GrantId,
	})
	sealed := must(c.Encrypt(ctx, &kms.EncryptInput{KeyId: &o.key, Plaintext: []byte("x")}))(t, "encrypting").CiphertextBlob
	set(map[string]any{
		"kms.KeyId": o.key, "kms.TargetKeyId": o.key, "kms.AliasName": "alias/possessed", "kms:CreateAlias.AliasName": "alias/matrix",
		"kms.GrantId":                *grant.GrantId,
		"kms:Decrypt.CiphertextBlob": sealed, "kms:ReEncrypt.CiphertextBlob": sealed, "kms.DestinationKeyId": o.key, "kms:GenerateDataKey.KeySpec": kmstypes.DataKeySpecAes256,
		"kms:GenerateDataKeyWithoutPlaintext.KeySpec": kmstypes.DataKeySpecAes256, "kms:GenerateRandom.NumberOfBytes": 16,
		"kms.GranteePrincipal": w.m.root(), "kms.RetiringPrincipal": w.m.root(), "kms.Operations": []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
		"kms:PutKeyPolicy.Policy": *policy(statement{"Effect": "Allow", "Principal": statement{"AWS": w.m.root()}, "Action": "kms:*", "Resource": "*"}),
		"kms.Tags":                []kmstypes.Tag{{TagKey: aws.String("matrix"), TagValue: aws.String("yes")}}, "kms.TagKeys": []string{"matrix"},
		"kms.Description": "matrix",
	})
}

func (w *matrixWorld) ofS3(t *testing.T, o *possessions, set func(map[string]any)) {
	t.Helper()
	ctx, c, key := t.Context(), w.m.s3, aws.String("key 1")
	upload := must(c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &o.bucket, Key: key}))(t, "beginning an upload")
	must(c.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String("empty-bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home},
	}))(t, "making a bucket")
	completed := must(c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &o.bucket, Key: key}))(t, "beginning an upload")
	part := must(c.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &o.bucket, Key: key, UploadId: completed.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part"),
	}))(t, "uploading a part")
	aborted := must(c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &o.bucket, Key: key}))(t, "beginning an upload")
	must(c.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String("locked-bucket"), ObjectLockEnabledForBucket: aws.Bool(true),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home},
	}))(t, "making a bucket")
	w.m.put(t, "locked-bucket", *key, []byte("locked"))
	for _, locked := range []string{"GetObjectLegalHold", "GetObjectRetention", "GetObjectLockConfiguration", "PutObjectLegalHold", "PutObjectRetention", "PutObjectLockConfiguration"} {
		set(map[string]any{"s3:" + locked + ".Bucket": "locked-bucket"})
	}
	set(map[string]any{"s3:CompleteMultipartUpload.UploadId": *completed.UploadId, "s3:AbortMultipartUpload.UploadId": *aborted.UploadId, "s3:DeleteObject.Key": "key 0"})
	location := &s3types.CreateBucketConfiguration{LocationConstraint: home}
	set(map[string]any{
		"s3.Bucket": o.bucket, "s3.Key": *key, "s3.UploadId": *upload.UploadId, "s3.PartNumber": 1, "s3.CopySource": o.bucket + "/key%200",
		"s3:CreateBucket.Bucket": "matrix-bucket", "s3:CreateBucket.CreateBucketConfiguration": location, "s3:DeleteBucket.Bucket": "empty-bucket",
		"s3:PutObject.Body":                          func() any { return strings.NewReader("matrix") },
		"s3:UploadPart.Body":                         func() any { return strings.NewReader("matrix") },
		"s3:CompleteMultipartUpload.MultipartUpload": &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{ETag: part.ETag, PartNumber: aws.Int32(1)}}},
		"s3:DeleteObjects.Delete":                    &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: aws.String("key 2")}}},
		"s3:PutBucketPolicy.Policy":                  *policy(statement{"Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketWebsite", "Resource": "arn:aws:s3:::" + o.bucket}),
		"s3.Tagging":                                 &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}},
		"s3.CORSConfiguration":                       &s3types.CORSConfiguration{CORSRules: []s3types.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}}}},
		"s3.OwnershipControls":                       &s3types.OwnershipControls{Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipBucketOwnerEnforced}}},
		"s3.ServerSideEncryptionConfiguration": &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAes256},
		}}},
		"s3:PutBucketLifecycleConfiguration.LifecycleConfiguration": &s3types.BucketLifecycleConfiguration{Rules: []s3types.LifecycleRule{{
			Status: s3types.ExpirationStatusEnabled, Filter: &s3types.LifecycleRuleFilter{Prefix: aws.String("x")}, Expiration: &s3types.LifecycleExpiration{Days: aws.Int32(1)},
		}}},
		"s3.NotificationConfiguration":      &s3types.NotificationConfiguration{},
		"s3.PublicAccessBlockConfiguration": &s3types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)},
		"s3.VersioningConfiguration":        &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
		"s3:PutBucketAcl.ACL":               s3types.BucketCannedACLPrivate, "s3:PutObjectAcl.ACL": s3types.ObjectCannedACLPrivate,
		"s3.AccelerateConfiguration":                            &s3types.AccelerateConfiguration{Status: s3types.BucketAccelerateStatusSuspended},
		"s3:PutObjectLegalHold.LegalHold":                       &s3types.ObjectLockLegalHold{Status: s3types.ObjectLockLegalHoldStatusOff},
		"s3:PutObjectRetention.Retention":                       &s3types.ObjectLockRetention{Mode: s3types.ObjectLockRetentionModeGovernance, RetainUntilDate: aws.Time(time.Now().Add(time.Hour))},
		"s3:PutObjectLockConfiguration.ObjectLockConfiguration": &s3types.ObjectLockConfiguration{ObjectLockEnabled: s3types.ObjectLockEnabledEnabled},
		"s3:RestoreObject.RestoreRequest":                       &s3types.RestoreRequest{Days: aws.Int32(1)},
		"s3.ObjectAttributes":                                   []s3types.ObjectAttributes{s3types.ObjectAttributesEtag},
	})
}

func (w *matrixWorld) ofSQS(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), sqs.NewFromConfig(w.m.config)
	queue := must(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("possessed")}))(t, "making a queue").QueueUrl
	must(c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue, MessageBody: aws.String("possessed")}))(t, "sending")
	received := must(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, VisibilityTimeout: 600}))(t, "receiving").Messages[0]
	must(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("possessed-dead")}))(t, "making a queue")
	arn := "arn:aws:sqs:" + home + ":" + w.m.id + ":possessed-dead"
	must(c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: queue, Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":"3"}`}}))(t, "redriving")
	task := must(c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &arn}))(t, "moving messages").TaskHandle
	handle := *received.ReceiptHandle
	set(map[string]any{
		"sqs:DeleteQueue.QueueUrl": *must(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("spare")}))(t, "making a queue").QueueUrl,
		"sqs.TaskHandle":           *task, "sqs.QueueUrl": *queue, "sqs.QueueName": "possessed", "sqs:CreateQueue.QueueName": "matrix", "sqs.MessageBody": "matrix", "sqs.ReceiptHandle": handle,
		"sqs.AWSAccountIds": []string{management}, "sqs.Actions": []string{"SendMessage"}, "sqs.Label": "matrix", "sqs.SourceArn": arn, "sqs.ResourceArn": arn,
		"sqs:SendMessageBatch.Entries":             []sqstypes.SendMessageBatchRequestEntry{{Id: aws.String("a"), MessageBody: aws.String("matrix")}},
		"sqs:DeleteMessageBatch.Entries":           []sqstypes.DeleteMessageBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: &handle}},
		"sqs:ChangeMessageVisibilityBatch.Entries": []sqstypes.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: &handle, VisibilityTimeout: 60}},
		"sqs.Attributes":                           map[string]string{"VisibilityTimeout": "31"}, "sqs.Tags": map[string]string{"matrix": "yes"}, "sqs.TagKeys": []string{"matrix"},
	})
}

func (w *matrixWorld) ofOrganizations(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), w.manager.organizations
	root := must(c.ListRoots(ctx, &organizations.ListRootsInput{}))(t, "listing roots").Roots[0].Id
	must(c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: orgtypes.PolicyTypeServiceControlPolicy}))(t, "enabling policies")
	unit := must(c.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: root, Name: aws.String("possessed")}))(t, "making a unit").OrganizationalUnit.Id
	request := must(c.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("possessed"), Email: aws.String("possessed@example.com")}))(t, "making an account").CreateAccountStatus
	out := must(c.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("possessed"), Description: aws.String(""), Type: orgtypes.PolicyTypeServiceControlPolicy,
		Content: policy(statement{"Effect": "Deny", "Action": "s3:PutBucketWebsite", "Resource": "*"}),
	}))(t, "making a policy").Policy.PolicySummary
	spare := must(c.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("spare"), Description: aws.String(""), Type: orgtypes.PolicyTypeServiceControlPolicy,
		Content: policy(statement{"Effect": "Deny", "Action": "s3:PutBucketWebsite", "Resource": "*"}),
	}))(t, "making a policy").Policy.PolicySummary.Id
	empty := must(c.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: root, Name: aws.String("empty")}))(t, "making a unit").OrganizationalUnit.Id
	set(map[string]any{"organizations:DeletePolicy.PolicyId": *spare, "organizations:DeleteOrganizationalUnit.OrganizationalUnitId": *empty})
	must(c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: out.Id, TargetId: unit}))(t, "attaching a policy")
	must(c.RemoveAccountFromOrganization(ctx, &organizations.RemoveAccountFromOrganizationInput{AccountId: aws.String(invitable)}))(t, "removing an account")
	invitation := must(c.InviteAccountToOrganization(ctx, &organizations.InviteAccountToOrganizationInput{Target: handshakeOf(invitable)}))(t, "inviting").Handshake.Id
	other := must(c.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("second"), Email: aws.String("second@example.com")}))(t, "making an account").CreateAccountStatus
	must(c.EnableAWSServiceAccess(ctx, &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("backup.amazonaws.com")}))(t, "trusting AWS Backup")
	must(c.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: orgtypes.PolicyTypeTagPolicy}))(t, "enabling policies")
	tagging := must(c.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String("tags"), Description: aws.String(""), Type: orgtypes.PolicyTypeTagPolicy, Content: aws.String(`{"tags":{"team":{"tag_key":{"@@assign":"Team"}}}}`),
	}))(t, "making a policy").Policy.PolicySummary.Id
	must(c.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: tagging, TargetId: root}))(t, "attaching a policy")
	set(map[string]any{
		"organizations:CloseAccount.AccountId": *request.AccountId, "organizations:RemoveAccountFromOrganization.AccountId": vaulted,
		"organizations:DescribeEffectivePolicy.PolicyType":                orgtypes.EffectivePolicyTypeTagPolicy,
		"organizations:DescribeEffectivePolicy.TargetId":                  *other.AccountId,
		"organizations:ListEffectivePolicyValidationErrors.PolicyType":    orgtypes.EffectivePolicyTypeTagPolicy,
		"organizations:ListAccountsWithInvalidEffectivePolicy.PolicyType": orgtypes.EffectivePolicyTypeTagPolicy,
		"organizations:PutResourcePolicy.Content": *policy(statement{
			"Effect": "Allow", "Principal": statement{"AWS": member}, "Action": "organizations:ListTargetsForPolicy", "Resource": "*",
			"Condition": statement{"StringEquals": statement{"organizations:PolicyType": "NETWORK_SECURITY_DIRECTOR_POLICY"}},
		}),
		"organizations.HandshakeId": *invitation, "organizations.PolicyId": *out.Id, "organizations.TargetId": *root, "organizations.AccountId": *other.AccountId,
		"organizations:DetachPolicy.TargetId": *unit, "organizations.RootId": *root, "organizations.ParentId": *root, "organizations.ChildId": *unit,
		"organizations.OrganizationalUnitId": *unit, "organizations.CreateAccountRequestId": *request.Id, "organizations.ResourceId": *unit,
		"organizations.SourceParentId": *root, "organizations.DestinationParentId": *unit, "organizations.Filter": orgtypes.PolicyTypeServiceControlPolicy,
		"organizations.PolicyType": orgtypes.PolicyTypeResourceControlPolicy, "organizations:DisablePolicyType.PolicyType": orgtypes.PolicyTypeServiceControlPolicy,
		"organizations.Email": "matrix@example.com", "organizations.ServicePrincipal": "backup.amazonaws.com", "organizations.Target": handshakeOf(invitable),
		"organizations.Type": orgtypes.PolicyTypeServiceControlPolicy, "organizations.Name": "matrix",
		"organizations.Content": *policy(statement{"Effect": "Deny", "Action": "s3:PutBucketWebsite", "Resource": "*"}),
		"organizations.Tags":    []orgtypes.Tag{{Key: aws.String("matrix"), Value: aws.String("yes")}}, "organizations.TagKeys": []string{"matrix"},
	})
}

// checksummed is a block and its sum.
func checksummed() (data func() any, sum string) {
	block := bytes.Repeat([]byte("x"), blockSize)
	hash := sha256.Sum256(block)
	return func() any { return bytes.NewReader(block) }, base64.StdEncoding.EncodeToString(hash[:])
}
