package ebs

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/archive"
	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/state"
	"strongroom/rules"
)

const (
	servicePrincipal = "ec2.amazonaws.com"
	// contextVolume is the key of the encryption context that EBS binds volume keys with.
	// https://docs.aws.amazon.com/kms/latest/developerguide/services-ebs.html
	contextVolume = "aws:ebs:id"
	// managedAlias is the key of volumes whose account did not choose one.
	managedAlias = "alias/aws/ebs"
)

// service is EC2 itself, which uses keys by the grants that callers gave it.
func service(account, region string) *api.Caller {
	return api.ServiceCaller(servicePrincipal, account, region)
}

// ResolveKey finds the key that a caller named for a volume or snapshot by id, ARN or alias, and returns its ARN; an
// empty name means the account's default. The caller must be allowed to describe it.
func (e *Engine) ResolveKey(ctx context.Context, c *api.Caller, name string) (string, error) {
	if name == "" {
		var settings state.VolumeSettings
		err := e.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
			settings, err = tx.VolumeSettings(ctx, c.AccountID, c.Region)
			return err
		})
		if err != nil {
			return "", err
		}
		if name = settings.DefaultKeyARN; name == "" {
			name = managedAlias
		}
	}
	out, err := api.Call[kms.DescribeKeyOutput](ctx, e.Door, c.Through(servicePrincipal, c.Region), &kms.DescribeKeyInput{KeyId: &name})
	if err != nil {
		return "", keyError(err)
	}
	if out.KeyMetadata.KeyState != kmstypes.KeyStateEnabled {
		return "", errKeyState()
	}
	return *out.KeyMetadata.Arn, nil
}

// newVolumeKey makes the sector key of a volume as the caller, who also lets EC2 unwrap it from then on.
func (e *Engine) newVolumeKey(ctx context.Context, c *api.Caller, keyARN, id string) (wrapped []byte, grantID string, err error) {
	bound := map[string]string{contextVolume: id}
	if wrapped, err = e.sectorKey(ctx, c, keyARN, bound); err != nil {
		return nil, "", err
	}
	grantID, err = e.grant(ctx, c, keyARN, bound, kmstypes.GrantOperationDecrypt,
		kmstypes.GrantOperationRetireGrant)
	return wrapped, grantID, err
}

func (e *Engine) sectorKey(ctx context.Context, c *api.Caller, keyARN string, bound map[string]string) (wrapped []byte, err error) {
	size := int32(KeySize)
	out, err := api.Call[kms.GenerateDataKeyWithoutPlaintextOutput](ctx, e.Door, c.Through(servicePrincipal, c.Region),
		&kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &keyARN, NumberOfBytes: &size, EncryptionContext: bound})
	if err != nil {
		return nil, keyError(err)
	}
	return out.CiphertextBlob, nil
}

// GrantArchive lets EC2 use a key for the archive at a location, as far as c may use the key for resources. It is how a
// caller's right to the key of a snapshot is proved: without kms:CreateGrant through EC2 there is no way to it. Granting
// again changes nothing.
func (e *Engine) GrantArchive(ctx context.Context, c *api.Caller, keyARN string, l archives.Location) error {
	if keyARN == "" {
		return nil
	}
	_, err := e.grant(ctx, c.In(keyRegion(keyARN, c.Region)), keyARN, map[string]string{archive.ContextVault: l.ID()},
		kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationGenerateDataKey)
	return err
}

func (e *Engine) grant(ctx context.Context, c *api.Caller, keyARN string, bound map[string]string, ops ...kmstypes.GrantOperation) (string, error) {
	grantee, name := servicePrincipal, "ebs"
	through := c.Through(servicePrincipal, c.Region)
	key, err := api.Call[kms.DescribeKeyOutput](ctx, e.Door, through, &kms.DescribeKeyInput{KeyId: &keyARN})
	if err != nil {
		return "", keyError(err)
	}
	if key.KeyMetadata.KeyState != kmstypes.KeyStateEnabled {
		return "", errKeyState()
	}
	out, err := api.Call[kms.CreateGrantOutput](ctx, e.Door, through, &kms.CreateGrantInput{
		KeyId:            &keyARN,
		GranteePrincipal: &grantee,
		Name:             &name, // the same grant asked for again is not made again
		Operations:       ops,
		Constraints:      &kmstypes.GrantConstraints{EncryptionContextSubset: bound},
	})
	if err != nil {
		return "", keyError(err)
	}
	return *out.GrantId, nil
}

// revoke takes the grant of a volume back when the volume is gone. That it is gone too is fine.
func (e *Engine) revoke(ctx context.Context, v state.Volume) error {
	if v.GrantID == "" {
		return nil
	}
	_, err := api.Call[kms.RetireGrantOutput](ctx, e.Door, service(v.AccountID, v.Region),
		&kms.RetireGrantInput{KeyId: &v.KeyARN, GrantId: &v.GrantID})
	return err
}

// unwrap opens a sector key under the grant, every time anew: a key that was disabled opens nothing any more.
func (e *Engine) unwrap(ctx context.Context, account, region, keyARN string, wrapped []byte, bound map[string]string) (*sectors, error) {
	if keyARN == "" {
		return nil, nil
	}
	out, err := api.Call[kms.DecryptOutput](ctx, e.Door, service(account, region), &kms.DecryptInput{
		KeyId: &keyARN, CiphertextBlob: wrapped, EncryptionContext: bound,
	})
	if err != nil {
		return nil, keyError(err)
	}
	defer clear(out.Plaintext)
	return newSectors(out.Plaintext)
}

// domain opens the sealing domain of a snapshot as EC2.
func (e *Engine) domain(ctx context.Context, s state.Snapshot) (*archive.Domain, error) {
	l := Location(s)
	ring := e.Archives.ServiceKeyring()
	if s.DomainKeyARN != "" {
		ring = e.Archives.Keyring(service(s.AccountID, l.Region), s.DomainKeyARN)
	}
	d, err := e.Archives.Domain(ctx, l, s.DomainKeyARN, ring)
	if err != nil {
		return nil, keyError(err)
	}
	return d, nil
}

// Location is where a snapshot's blocks lie.
func Location(s state.Snapshot) archives.Location {
	return archives.Location{Region: s.VaultRegion, AccountID: s.VaultAccount, Vault: s.Vault}
}

func keyRegion(keyARN, otherwise string) string {
	if a, err := arn.Parse(keyARN); err == nil && a.Region != "" {
		return a.Region
	}
	return otherwise
}

// keyError turns a refusal of KMS into what EC2 and AWS Backup say of it; other errors stay as they are.
func keyError(err error) error {
	switch api.Code(err) {
	case "DisabledException", "KMSInvalidStateException":
		return withCause(errKeyState(), err)
	case "NotFoundException":
		return withCause(api.Errorf("InvalidKmsKey.NotFound", "%s", rules.KeyMissing.Text), err)
	case "AccessDeniedException", "InvalidArnException", "InvalidCiphertextException", "ValidationException":
		return withCause(api.Errorf("InvalidKmsKey.NotAccessible", "%s", rules.KeyInaccessible.Text), err)
	}
	return err
}

func errKeyState() *api.Error {
	return api.Errorf("InvalidKmsKey.InvalidState", "%s", rules.KeyUnusable.Text)
}

func withCause(e *api.Error, cause error) *api.Error {
	e.Err = cause
	return e.WithStatus(http.StatusBadRequest)
}
