package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// A Keyring is the key service as one sealing domain sees it: one KMS key, used by one principal.
type Keyring interface {
	// GenerateDataKey makes a data key of 32 bytes, and the same wrapped under the KMS key.
	GenerateDataKey(ctx context.Context, encryptionContext map[string]string) (plaintext, wrapped []byte, err error)
	// Unwrap opens a wrapped data key. Its errors reach the archive's caller as they are, for errors.Is and errors.As.
	Unwrap(ctx context.Context, wrapped []byte, encryptionContext map[string]string) (plaintext []byte, err error)
}

// The keys of the encryption context that data keys are wrapped with.
const (
	ContextVault  = "aws:backup:backup-vault" // the vault's id, which is its ARN
	ContextDomain = "strongroom:domain"       // the id of the sealing domain
)

// A Domain is a sealing domain that is open: a vault and a KMS key whose data key was just unwrapped. It is meant for one
// job; the next job opens the domain anew, so that KMS can refuse. Its methods may be called at once.
type Domain struct {
	vault *Vault
	info  DomainInfo
	keys  *keys
	index *index
	lost  lostPacks
}

// Domain opens the sealing domain of a KMS key, and makes it if the vault has none for the key yet.
func (v *Vault) Domain(ctx context.Context, keyID string, ring Keyring) (*Domain, error) {
	id := domainID(v.id, keyID)
	info, err := v.readDomain(ctx, id)
	if errors.Is(err, ErrNotExist) {
		return v.createDomain(ctx, id, keyID, ring)
	} else if err != nil {
		return nil, fmt.Errorf("opening the sealing domain %s: %w", id, err)
	}
	return v.unwrap(ctx, id, info, ring)
}

// OpenDomain opens the sealing domain of a KMS key for somebody who only reads: if the vault has none for the key, nothing
// is made, and the error wraps [ErrNoDomain].
func (v *Vault) OpenDomain(ctx context.Context, keyID string, ring Keyring) (*Domain, error) {
	id := domainID(v.id, keyID)
	info, err := v.readDomain(ctx, id)
	if errors.Is(err, ErrNotExist) {
		err = ErrNoDomain
	}
	if err != nil {
		return nil, fmt.Errorf("opening the sealing domain %s: %w", id, err)
	}
	return v.unwrap(ctx, id, info, ring)
}

// domainID is the same for everybody, so that two who make a domain at once make one.
func domainID(vault, keyID string) (id objectID) {
	sum := sha256.Sum256(appendString(appendString(appendString(nil, "strongroom domain"), vault), keyID))
	copy(id[:], sum[:])
	return id
}

// DomainID is the id of the sealing domain that a KMS key has in a vault, whether it is there or not.
func DomainID(vault, keyID string) string { return domainID(vault, keyID).String() }

func encryptionContext(vault string, domain objectID) map[string]string {
	return map[string]string{ContextVault: vault, ContextDomain: domain.String()}
}

// createDomain makes a sealing domain. If recovery points lie in it already its header is lost, and a new one, with another data
// key, would lose them for good: that of old may still be known, see [RepairOptions].
func (v *Vault) createDomain(ctx context.Context, id objectID, keyID string, ring Keyring) (*Domain, error) {
	info, err := v.headless(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("making the sealing domain %s: %w", id, err)
	}
	if info != nil { // another was faster
		return v.unwrap(ctx, id, *info, ring)
	}
	plaintext, wrapped, err := ring.GenerateDataKey(ctx, encryptionContext(v.id, id))
	if err != nil {
		return nil, fmt.Errorf("making the sealing domain %s: %w", id, err)
	}
	info = &DomainInfo{ID: id.String(), Vault: v.id, KeyID: keyID, Wrapped: wrapped, Created: v.opts.Clock.Now()}
	header, err := json.MarshalIndent(domainHeader{
		Format: formatVersion, Vault: v.id, Domain: info.ID, Key: keyID, Wrapped: wrapped, Created: info.Created,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("making the sealing domain %s: %w", id, err)
	}
	err = v.store.Create(ctx, domainName(id), header)
	if errors.Is(err, ErrExist) { // another was faster, and its data key counts
		var there DomainInfo
		if there, err = v.readDomain(ctx, id); err == nil {
			return v.unwrap(ctx, id, there, ring)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("making the sealing domain %s: %w", id, err)
	}
	return v.openDomain(id, *info, plaintext)
}

// headless fails if a domain has recovery points and no header. It gives the header if that has come meanwhile.
func (v *Vault) headless(ctx context.Context, id objectID) (*DomainInfo, error) {
	for object, err := range v.store.List(ctx, pointPrefix(id)) {
		if err != nil {
			return nil, err
		}
		info, err := v.readDomain(ctx, id)
		if errors.Is(err, ErrNotExist) {
			return nil, damaged("%s is missing, and %s is sealed under its data key", domainName(id), object.Name)
		}
		return &info, err
	}
	return nil, nil //nolint:nilnil // nothing there is the usual case
}

func (v *Vault) unwrap(ctx context.Context, id objectID, info DomainInfo, ring Keyring) (*Domain, error) {
	plaintext, err := ring.Unwrap(ctx, info.Wrapped, encryptionContext(v.id, id))
	if err != nil {
		return nil, fmt.Errorf("opening the sealing domain %s: %w", id, err)
	}
	return v.openDomain(id, info, plaintext)
}

func (v *Vault) openDomain(id objectID, info DomainInfo, dataKey []byte) (*Domain, error) {
	if len(dataKey) != 32 {
		return nil, fmt.Errorf("opening the sealing domain %s: its data key has %d bytes, not 32", id, len(dataKey))
	}
	return &Domain{vault: v, info: info, keys: newKeys(v.id, id, dataKey), index: v.index(id)}, nil
}

// Info tells what is known of the domain without its key.
func (d *Domain) Info() DomainInfo { return d.info }

// Vault is the vault the domain belongs to.
func (d *Domain) Vault() *Vault { return d.vault }

func (d *Domain) id() objectID { return d.keys.domain }

// same tells whether two open domains are one. Their ids do not suffice: they come from names, and two stores may hold
// vaults of one name.
func (d *Domain) same(other *Domain) bool {
	return d.id() == other.id() && bytes.Equal(d.keys.data, other.keys.data)
}
