package state

import "context"

// CredentialKind says what a [UserCredential] is.
type CredentialKind string

// The kinds.
const (
	CredentialSSH         CredentialKind = "ssh"
	CredentialCertificate CredentialKind = "certificate"
	CredentialService     CredentialKind = "service"
)

// UserCredential is what a user has besides a password and access keys.
type UserCredential struct {
	ID        string         `db:"id"`
	AccountID string         `db:"account_id"`
	UserName  string         `db:"user_name"`
	Kind      CredentialKind `db:"kind"`
	Status    string         `db:"status"` // Active or Inactive
	Name      string         `db:"name"`   // of a service's credential: the service
	Body      string         `db:"body"`   // the public key or certificate; a salted hash of the password
	CreatedAt Micros         `db:"created_at"`
	ExpiresAt Micros         `db:"expires_at"`
}

// UserCredential reads one of a user.
func (tx *Tx) UserCredential(ctx context.Context, accountID, user string, kind CredentialKind, id string) (UserCredential, error) {
	return queryOne(ctx, tx, scanRow[UserCredential], selectRow[UserCredential]("user_credentials")+
		"WHERE account_id = $1 AND user_name = $2 AND kind = $3 AND id = $4", accountID, user, kind, id)
}

// UserCredentials lists those of a user by kind and id; kind "" means all.
func (tx *Tx) UserCredentials(ctx context.Context, accountID, user string, kind CredentialKind) ([]UserCredential, error) {
	f := new(filter).add("account_id = ?", accountID).add("user_name = ?", user).eq("kind", kind)
	return selectWhere[UserCredential](ctx, tx, "user_credentials", f, "ORDER BY kind, id")
}

// InsertUserCredential adds one.
func (tx *Tx) InsertUserCredential(ctx context.Context, c UserCredential) error {
	return insertRow(ctx, tx, "user_credentials", c)
}

// UpdateUserCredential writes one.
func (tx *Tx) UpdateUserCredential(ctx context.Context, c UserCredential) error {
	n, err := updateRow(ctx, tx, "user_credentials", c, new(filter).add("id = ?", c.ID))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteUserCredential removes one.
func (tx *Tx) DeleteUserCredential(ctx context.Context, id string) error {
	return tx.execOne(ctx, `DELETE FROM user_credentials WHERE id = $1`, id)
}
