package rds

import (
	"context"
	"log/slog"
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
	servicePrincipal = "rds.amazonaws.com"
	// contextDatabase is the key of the encryption context that RDS binds data keys with.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
	contextDatabase = "aws:rds:db-id"
	// managedAlias is the key of databases whose account did not choose one.
	managedAlias = "alias/aws/rds"
)

// service is RDS itself, which uses keys by the grants that callers gave it.
func service(account, region string) *api.Caller {
	return api.ServiceCaller(servicePrincipal, account, region)
}

// ResolveKey finds the key that a caller named by id, ARN or alias, and returns its ARN; an empty name means the account's
// key for RDS. The caller must be allowed to describe it.
func (f *Fleet) ResolveKey(ctx context.Context, c *api.Caller, name string) (string, error) {
	if name == "" {
		name = managedAlias
	}
	out, err := api.Call[kms.DescribeKeyOutput](ctx, f.Door, c.Through(servicePrincipal, c.Region), &kms.DescribeKeyInput{KeyId: &name})
	if err != nil {
		return "", keyError(err, name)
	}
	if out.KeyMetadata.KeyState != kmstypes.KeyStateEnabled {
		return "", errKey(*out.KeyMetadata.Arn)
	}
	return *out.KeyMetadata.Arn, nil
}

// newKey makes the data key of a database as the caller, who also lets RDS unwrap it from then on.
func (f *Fleet) newKey(ctx context.Context, c *api.Caller, keyARN, id string) (wrapped []byte, grantID string, err error) {
	bound := map[string]string{contextDatabase: id}
	size := int32(32)
	out, err := api.Call[kms.GenerateDataKeyWithoutPlaintextOutput](ctx, f.Door, c.Through(servicePrincipal, c.Region),
		&kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &keyARN, NumberOfBytes: &size, EncryptionContext: bound})
	if err != nil {
		return nil, "", keyError(err, keyARN)
	}
	grantID, err = f.grant(ctx, c, keyARN, bound, kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationRetireGrant)
	return out.CiphertextBlob, grantID, err
}

// GrantArchive lets RDS use a key for the archive at a location, as far as c may use the key for resources. It is how a
// caller's right to the key of a snapshot is proved. Granting again changes nothing.
func (f *Fleet) GrantArchive(ctx context.Context, c *api.Caller, keyARN string, l archives.Location) error {
	if keyARN == "" {
		return nil
	}
	region := c.Region
	if a, err := arn.Parse(keyARN); err == nil && a.Region != "" {
		region = a.Region
	}
	_, err := f.grant(ctx, c.In(region), keyARN, map[string]string{archive.ContextVault: l.ID()},
		kmstypes.GrantOperationDecrypt, kmstypes.GrantOperationGenerateDataKey)
	return err
}

func (f *Fleet) grant(ctx context.Context, c *api.Caller, keyARN string, bound map[string]string, ops ...kmstypes.GrantOperation) (string, error) {
	grantee, name := servicePrincipal, "rds"
	through := c.Through(servicePrincipal, c.Region)
	key, err := api.Call[kms.DescribeKeyOutput](ctx, f.Door, through, &kms.DescribeKeyInput{KeyId: &keyARN})
	if err != nil {
		return "", keyError(err, keyARN)
	}
	if key.KeyMetadata.KeyState != kmstypes.KeyStateEnabled {
		return "", errKey(keyARN)
	}
	out, err := api.Call[kms.CreateGrantOutput](ctx, f.Door, through, &kms.CreateGrantInput{
		KeyId:            &keyARN,
		GranteePrincipal: &grantee,
		Name:             &name, // the same grant asked for again is not made again
		Operations:       ops,
		Constraints:      &kmstypes.GrantConstraints{EncryptionContextSubset: bound},
	})
	if err != nil {
		return "", keyError(err, keyARN)
	}
	return *out.GrantId, nil
}

// unlock asks KMS for the data key of a database under the grant, every time anew: a database whose key was disabled is not
// started. The key itself is not needed: the files of a running database are the host's, see decision 12.
func (f *Fleet) unlock(ctx context.Context, d state.Database) error {
	if d.KeyARN == "" {
		return nil
	}
	out, err := api.Call[kms.DecryptOutput](ctx, f.Door, service(d.AccountID, d.Region), &kms.DecryptInput{
		KeyId: &d.KeyARN, CiphertextBlob: d.WrappedKey, EncryptionContext: map[string]string{contextDatabase: d.ID},
	})
	if err != nil {
		return &lockedError{err}
	}
	clear(out.Plaintext)
	return nil
}

// lockedError says that KMS does not give the key of a database.
type lockedError struct{ err error }

func (l *lockedError) Error() string { return "asking KMS for the database's key: " + l.err.Error() }
func (l *lockedError) Unwrap() error { return l.err }

// revoke takes the grant of a database back. That KMS refuses is no reason to keep the database: the key may be gone, and the
// grant with it, or pending deletion.
func (f *Fleet) revoke(ctx context.Context, d state.Database) error {
	if d.GrantID == "" {
		return nil
	}
	_, err := api.Call[kms.RetireGrantOutput](ctx, f.Door, service(d.AccountID, d.Region), &kms.RetireGrantInput{KeyId: &d.KeyARN, GrantId: &d.GrantID})
	if api.Refused(err) != nil {
		f.Log.WarnContext(ctx, "the grant of a database stays", slog.String("database", d.ID), slog.Any("error", err))
		return nil
	}
	return err
}

// domain opens the sealing domain of a point as RDS.
func (f *Fleet) domain(ctx context.Context, account string, p state.ArchivePoint) (*archive.Domain, error) {
	ring := f.Archives.ServiceKeyring()
	if p.KeyARN != "" {
		ring = f.Archives.Keyring(service(account, p.Region), p.KeyARN)
	}
	d, err := f.Archives.Domain(ctx, Location(p), p.KeyARN, ring)
	if err != nil {
		return nil, keyError(err, p.KeyARN)
	}
	return d, nil
}

// Location is where a point lies.
func Location(p state.ArchivePoint) archives.Location {
	l := archives.Location{Region: p.Region, AccountID: p.AccountID, Vault: p.Vault}
	if l.Vault == "" {
		l.Service = archives.RDS
	}
	return l
}

// keyError turns a refusal of KMS into what RDS says of it; other errors stay as they are.
func keyError(err error, key string) error {
	switch api.Code(err) {
	case "DisabledException", "KMSInvalidStateException", "NotFoundException", "AccessDeniedException", "AccessDenied", "InvalidArnException",
		"InvalidCiphertextException", "ValidationException":
		told := errKey(key)
		told.Err = err
		return told
	}
	return err
}

// errKey is KMSKeyNotAccessibleFault, as every operation of RDS that has to do with keys has it.
func errKey(key string) *api.Error {
	refusal := rules.DatabaseKeyInaccessible.Refuse(rules.Values{"key": key})
	return &api.Error{Code: rules.DatabaseKeyInaccessible.Error.Code, Status: http.StatusBadRequest, Message: refusal.Message}
}
