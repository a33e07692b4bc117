package kms

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"gocloud.dev/secrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Config is what the service needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time: deletion and rotation follow it
	// Keeper wraps key material with the root key of the process.
	Keeper *secrets.Keeper
	// Door asks whether a new key policy would lock everybody out.
	Door *api.Door
	// Pages seals the markers of lists.
	Pages *page.Sealer
	// PrincipalExists reports whether a user, a role or an account named by ARN exists. Key policies and grants that name
	// one that does not are refused. Nil takes every well-formed name.
	PrincipalExists func(ctx context.Context, arn string) (bool, error)
	// PrincipalID tells the unique id of a role or a user named by ARN, "" for others, and whether there is such a principal.
	// Grants belong to it, not to the name. Nil has them belong to the name.
	PrincipalID func(ctx context.Context, arn string) (id string, exists bool, err error)
	Log         *slog.Logger // nil means slog.Default()
}

// Service is KMS in every account and Region. Its methods may be called at once.
type Service struct {
	Config
	cache *cache
}

// New returns the service.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{Config: c, cache: newCache()}
}

// API is the table of the service's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name:               "kms",
		EventSource:        "kms.amazonaws.com",
		AccessDenied:       "AccessDeniedException",
		AccessDeniedStatus: http.StatusBadRequest,
		Authorization:      authorization,
		Operations: []api.Operation{
			api.Making(api.Op("", s.CreateKey, s.createKeyAccess), func(out *kms.CreateKeyOutput) string { return *out.KeyMetadata.Arn }),
			api.Op("", s.DescribeKey, s.describeKeyAccess),
			api.Op("", s.ListKeys, anyResource[kms.ListKeysInput]("ListKeys")),
			api.Op("", s.EnableKey, s.enableKeyAccess),
			api.Op("", s.DisableKey, s.disableKeyAccess),
			api.Op("", s.UpdateKeyDescription, s.updateKeyDescriptionAccess),
			api.Op("", s.ScheduleKeyDeletion, s.scheduleKeyDeletionAccess),
			api.Op("", s.CancelKeyDeletion, s.cancelKeyDeletionAccess),

			api.Op("", s.GetKeyPolicy, s.getKeyPolicyAccess),
			api.Op("", s.PutKeyPolicy, s.putKeyPolicyAccess),
			api.Op("", s.ListKeyPolicies, s.listKeyPoliciesAccess),

			api.Op("", s.CreateAlias, s.createAliasAccess),
			api.Op("", s.UpdateAlias, s.updateAliasAccess),
			api.Op("", s.DeleteAlias, s.deleteAliasAccess),
			api.Op("", s.ListAliases, anyResource[kms.ListAliasesInput]("ListAliases")),

			api.Op("", s.Encrypt, s.encryptAccess).AsReadOnly(),
			api.Op("", s.Decrypt, s.decryptAccess).AsReadOnly(),
			api.Op("", s.ReEncrypt, s.reEncryptAccess).AsReadOnly(),
			api.Op("", s.GenerateDataKey, s.generateDataKeyAccess).AsReadOnly(),
			api.Op("", s.GenerateDataKeyWithoutPlaintext, s.generateDataKeyWithoutPlaintextAccess).AsReadOnly(),
			api.Op("", s.GenerateRandom, anyResource[kms.GenerateRandomInput]("GenerateRandom")).AsReadOnly(),

			api.Op("", s.GenerateDataKeyPair, s.generateDataKeyPairAccess).AsReadOnly(),
			api.Op("", s.GenerateDataKeyPairWithoutPlaintext, s.generateDataKeyPairWithoutPlaintextAccess).AsReadOnly(),
			api.Op("", s.GetPublicKey, s.getPublicKeyAccess),
			api.Op("", s.Sign, s.signAccess).AsReadOnly(),
			api.Op("", s.Verify, s.verifyAccess).AsReadOnly(),
			api.Op("", s.GenerateMac, s.generateMacAccess).AsReadOnly(),
			api.Op("", s.VerifyMac, s.verifyMacAccess).AsReadOnly(),
			api.Op("", s.DeriveSharedSecret, s.deriveSharedSecretAccess).AsReadOnly(),
			api.Op("", s.Encapsulate, s.encapsulateAccess).AsReadOnly(),
			api.Op("", s.Decapsulate, s.decapsulateAccess).AsReadOnly(),

			api.Op("", s.GetParametersForImport, s.getParametersForImportAccess),
			api.Op("", s.ImportKeyMaterial, s.importKeyMaterialAccess),
			api.Op("", s.DeleteImportedKeyMaterial, s.deleteImportedKeyMaterialAccess),

			api.Op("", s.ReplicateKey, s.replicateKeyAccess),
			api.Op("", s.UpdatePrimaryRegion, s.updatePrimaryRegionAccess),
			api.Op("", s.GetKeyLastUsage, s.getKeyLastUsageAccess),

			api.Op("", s.CreateGrant, s.createGrantAccess),
			api.Op("", s.ListGrants, s.listGrantsAccess),
			api.Op("", s.ListRetirableGrants, anyResource[kms.ListRetirableGrantsInput]("ListRetirableGrants")),
			api.Op("", s.RetireGrant, s.retireGrantAccess),
			api.Op("", s.RevokeGrant, s.revokeGrantAccess),

			api.Op("", s.EnableKeyRotation, s.enableKeyRotationAccess),
			api.Op("", s.DisableKeyRotation, s.disableKeyRotationAccess),
			api.Op("", s.GetKeyRotationStatus, s.getKeyRotationStatusAccess),
			api.Op("", s.RotateKeyOnDemand, s.rotateKeyOnDemandAccess),
			api.Op("", s.ListKeyRotations, s.listKeyRotationsAccess),

			api.Op("", s.TagResource, s.tagResourceAccess),
			api.Op("", s.UntagResource, s.untagResourceAccess),
			api.Op("", s.ListResourceTags, s.listResourceTagsAccess),
		},
	}
}
