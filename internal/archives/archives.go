// Package archives opens the archives of all Regions: one per backup vault, one per account for the EBS snapshots that EC2
// takes by itself, and one for those of databases that RDS takes. It knows where they lie and whose key service call opens them, and nothing of jobs.
package archives

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"gocloud.dev/blob"
	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/archive/s3store"
	"strongroom/arn"
	"strongroom/internal/api"
)

// Location says which archive.
type Location struct {
	Region    string
	AccountID string
	Vault     string // the backup vault's name; "" for the snapshots that a service takes by itself
	Service   string // of an archive without a vault: "" for EBS snapshots, [RDS] for those of databases
}

// RDS marks the archive of an account's own database snapshots.
const RDS = "rds"

// ID is the ARN that is bound into every seal of the archive.
func (l Location) ID() string {
	switch {
	case l.Vault == "" && l.Service == RDS:
		return arn.New("rds", l.Region, l.AccountID, "snapshot:*").String()
	case l.Vault == "":
		return arn.New("ec2", l.Region, l.AccountID, "snapshot/*").String()
	}
	return arn.New("backup", l.Region, l.AccountID, "backup-vault:"+l.Vault).String()
}

func (l Location) prefix() string {
	switch {
	case l.Vault == "" && l.Service == RDS:
		return "db-snapshots/" + l.AccountID
	case l.Vault == "":
		return "snapshots/" + l.AccountID
	}
	return "vaults/" + l.AccountID + "/" + l.Vault
}

// Config says where Regions store.
type Config struct {
	Dir     string            // Regions without a store of their own lie below it, in Dir/REGION/archive
	Stores  map[string]string // URL by Region: file:///srv/north, s3://bucket?endpoint=…&prefix=…
	Door    *api.Door         // to KMS
	Keeper  *secrets.Keeper   // the root key, for what no KMS key seals
	Options archive.Options

	// Cache is the folder of what archives know and memory does not hold, in files without names; the system's for
	// temporary files if it is "". It is made when it is needed.
	Cache string
}

// Archives opens archives and keeps them open. Its methods may be called at once.
type Archives struct {
	config Config

	mu      sync.Mutex
	stores  map[string]archive.Store
	buckets []*blob.Bucket
	vaults  map[Location]*archive.Vault
}

// New returns Archives with nothing open.
func New(c Config) *Archives {
	if c.Options.IndexCache == nil {
		c.Options.IndexCache = archive.NewIndexCache(c.Cache, 0)
	}
	return &Archives{config: c, stores: map[string]archive.Store{}, vaults: map[Location]*archive.Vault{}}
}

// Close closes the stores.
func (a *Archives) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []error
	for _, b := range a.buckets {
		all = append(all, b.Close())
	}
	a.buckets = nil
	return errors.Join(all...)
}

// Vault opens the archive at a location. Opening makes nothing; an archive begins with its first domain.
func (a *Archives) Vault(ctx context.Context, l Location) (*archive.Vault, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v := a.vaults[l]; v != nil {
		return v, nil
	}
	store, err := a.store(ctx, l.Region)
	if err != nil {
		return nil, err
	}
	v := archive.OpenVault(archive.Sub(store, l.prefix()), l.ID(), a.config.Options)
	a.vaults[l] = v
	return v, nil
}

// Store opens the store of a Region, in which the archives lie below prefixes.
func (a *Archives) Store(ctx context.Context, region string) (archive.Store, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.store(ctx, region)
}

// store opens a Region's store; a.mu is held.
func (a *Archives) store(ctx context.Context, region string) (archive.Store, error) {
	if s := a.stores[region]; s != nil {
		return s, nil
	}
	place, given := a.config.Stores[region]
	if !given {
		place = (&url.URL{Scheme: "file", Path: filepath.Join(a.config.Dir, region, "archive")}).String()
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, fmt.Errorf("opening the store of %s: %w", region, err)
	}
	var s archive.Store
	switch u.Scheme {
	case "file":
		// Not through gocloud: its directories are not flushed, and what is acknowledged must survive.
		s, err = archive.NewDir(u.Path)
	case "s3":
		var remote *s3store.Store
		if remote, err = s3store.Open(ctx, u); err == nil {
			s = archive.NewReadAhead(remote, 0)
		}
	default:
		var b *blob.Bucket
		if b, err = blob.OpenBucket(ctx, u.String()); err == nil {
			a.buckets = append(a.buckets, b)
			s = archive.NewBucket(b)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store of %s: %w", region, err)
	}
	a.stores[region] = s
	return s, nil
}

// Domain opens the sealing domain of a key in the archive at a location, and makes it at the first use. keyARN is ""
// for the domain of unencrypted recovery points, whose keyring is [Archives.ServiceKeyring].
func (a *Archives) Domain(ctx context.Context, l Location, keyARN string, ring archive.Keyring) (*archive.Domain, error) {
	v, err := a.Vault(ctx, l)
	if err != nil {
		return nil, err
	}
	return v.Domain(ctx, keyARN, ring)
}

// OpenDomain opens the sealing domain of a key for somebody who only reads; the error wraps [archive.ErrNoDomain] if there
// is none.
func (a *Archives) OpenDomain(ctx context.Context, l Location, keyARN string, ring archive.Keyring) (*archive.Domain, error) {
	v, err := a.Vault(ctx, l)
	if err != nil {
		return nil, err
	}
	return v.OpenDomain(ctx, keyARN, ring)
}

// Erase removes a recovery point from the archive at a location, out of the sealing domain of a key. It need not be there, and
// neither the key nor the domain's header is needed: what cannot be read any more, or not before a repair, goes all the same.
func (a *Archives) Erase(ctx context.Context, l Location, keyARN, point string) error {
	if point == "" { // what failed before it had a place
		return nil
	}
	v, err := a.Vault(ctx, l)
	if err != nil {
		return err
	}
	if err := v.Delete(ctx, archive.DomainID(v.ID(), keyARN), point); !errors.Is(err, archive.ErrNoPoint) {
		return err
	}
	return nil
}

// Keyring uses a KMS key as c: c's policies, the key's policy and its grants decide, and CloudTrail shows it.
func (a *Archives) Keyring(c *api.Caller, keyARN string) archive.Keyring {
	region := c.Region
	if parsed, err := arn.Parse(keyARN); err == nil && parsed.Region != "" {
		region = parsed.Region
	}
	return kmsKeyring{a.config.Door, c.In(region), keyARN}
}

type kmsKeyring struct {
	door   *api.Door
	caller *api.Caller
	keyARN string
}

func (k kmsKeyring) GenerateDataKey(ctx context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error) {
	out, err := api.Call[kms.GenerateDataKeyOutput](ctx, k.door, k.caller, &kms.GenerateDataKeyInput{
		KeyId: &k.keyARN, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, nil, err
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

func (k kmsKeyring) Unwrap(ctx context.Context, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	out, err := api.Call[kms.DecryptOutput](ctx, k.door, k.caller, &kms.DecryptInput{
		KeyId: &k.keyARN, CiphertextBlob: wrapped, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}

// ServiceKeyring seals what is not encrypted under any KMS key, such as the snapshot of an unencrypted volume: at rest
// it is sealed all the same, under the root key.
func (a *Archives) ServiceKeyring() archive.Keyring { return rootKeyring{a.config.Keeper} }

type rootKeyring struct{ keeper *secrets.Keeper }

func (r rootKeyring) GenerateDataKey(ctx context.Context, _ map[string]string) (plaintext, wrapped []byte, err error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, nil, err
	}
	wrapped, err = r.keeper.Encrypt(ctx, key)
	return key, wrapped, err
}

func (r rootKeyring) Unwrap(ctx context.Context, wrapped []byte, _ map[string]string) ([]byte, error) {
	return r.keeper.Decrypt(ctx, wrapped)
}
