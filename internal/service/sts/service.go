package sts

import (
	"context"
	"crypto/cipher"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"gocloud.dev/secrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Config is what a [Service] needs. All fields must be set; Door may be set after New, before the first call.
type Config struct {
	DB     *state.DB
	Clock  clock.Clock // the service's time, which dates the last use of roles
	Wall   clock.Clock // the clients' time, by which credentials expire
	Keeper *secrets.Keeper
	Door   *api.Door // through which services assume roles, so that it is authorized and recorded
	Log    *slog.Logger
	// Decode opens the message that a refusal in the account carried.
	Decode func(accountID, encoded string) (message string, err error)
}

// Service is STS. Its methods may be called at once.
type Service struct {
	Config

	sealing sync.Mutex // guards seal
	seal    cipher.AEAD

	keys   keyCache
	opened tokenCache
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c} }

// API is the table of STS's operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "sts", EventSource: "sts.amazonaws.com", AccessDenied: "AccessDenied",
		Authorization: authorization,
		Operations: []api.Operation{
			api.Op("", s.GetCallerIdentity, nil),
			api.Op("", s.AssumeRole, s.assumeRoleAccess).AsReadOnly(),
			api.Op("", s.GetSessionToken, nil).AsReadOnly(),
			api.Op("", s.GetFederationToken, s.federationTokenAccess).AsReadOnly(),
			api.Op("", s.DecodeAuthorizationMessage, star[sts.DecodeAuthorizationMessageInput]("sts:DecodeAuthorizationMessage")).AsReadOnly(),
			api.Op("", s.GetAccessKeyInfo, star[sts.GetAccessKeyInfoInput]("sts:GetAccessKeyInfo")),
		},
	}
}

// star asks for an action without resources.
func star[In any](action string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: action, Resource: "*"}}, nil
	}
}
