package kms

import (
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

// The states that a key can have here. Creating and Updating pass at once, and Unavailable belongs to custom key stores.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
const (
	enabled                = string(types.KeyStateEnabled)
	disabled               = string(types.KeyStateDisabled)
	pendingImport          = string(types.KeyStatePendingImport)
	pendingDeletion        = string(types.KeyStatePendingDeletion)
	pendingReplicaDeletion = string(types.KeyStatePendingReplicaDeletion)
)

// usable reports why a key cannot be used now, as KMS says it: disabled, without material, or waiting for its deletion.
func (k *liveKey) usable() error {
	if k.State == disabled {
		return api.Errorf("DisabledException", "%s is disabled.", k.arn)
	}
	return k.switchable()
}

// switchable is what a key must be to be enabled or disabled: not waiting for its deletion, nor for its material.
func (k *liveKey) switchable() error {
	if k.State == pendingImport {
		return api.Errorf("KMSInvalidStateException", "%s is pending import.", k.arn)
	}
	return k.notPending()
}

// notPending is what most management operations need: a key that is not going to be deleted.
func (k *liveKey) notPending() error {
	switch k.State {
	case pendingDeletion:
		return api.Errorf("KMSInvalidStateException", "%s is pending deletion.", k.arn)
	case pendingReplicaDeletion:
		return api.Errorf("KMSInvalidStateException", "%s is pending replica deletion.", k.arn)
	}
	return nil
}

// usableFor is usable for an operation that needs keys of a usage.
func (k *liveKey) usableFor(operation string, usage types.KeyUsageType) error {
	if err := k.usable(); err != nil {
		return err
	}
	if k.Usage != string(usage) {
		return api.Errorf("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", k.arn, k.Usage, operation)
	}
	return nil
}

// symmetricOnly refuses a key that is not a symmetric encryption key, for operations about rotation and data keys.
func (k *liveKey) symmetricOnly() error {
	if k.spec.kind != symmetricKind {
		return k.errSpec()
	}
	return nil
}

func (k *liveKey) errSpec() error {
	return api.Errorf("UnsupportedOperationException", "%s key spec is %s which is not valid for this operation.", k.arn, k.Spec)
}

// externalOnly refuses a key whose material is not imported.
func (k *liveKey) externalOnly() error {
	if k.Origin != string(types.OriginTypeExternal) {
		return errOrigin(k)
	}
	return nil
}

func errOrigin(k *liveKey) error {
	return api.Errorf("UnsupportedOperationException", "%s origin is %s which is not valid for this operation.", k.arn, k.Origin)
}
