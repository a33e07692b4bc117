// Package api is the one door that every call passes, whether it comes over HTTP or from another service in the same
// process: it authorizes the call, runs the operation and records what happened.
//
// An operation is a Go method over the structs of aws-sdk-go-v2,
//
//	func (s *Service) CreateBackupVault(ctx context.Context, c *api.Caller, in *backup.CreateBackupVaultInput) (*backup.CreateBackupVaultOutput, error)
//
// and one row in its service's table, made by [Op], that adds the HTTP route and the access that the call needs. A
// [Door] holds the tables of all services. Package wire turns HTTP requests into calls of [Door.Do]; code inside the
// house that acts for a principal uses the typed [Call]. Neither can forget to authorize or to record.
//
// The package knows nothing of HTTP, SQL or the policy language: the last is behind [Authorizer].
package api
