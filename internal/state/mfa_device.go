package state

import "context"

// MFADevice is a virtual device that makes one-time codes.
type MFADevice struct {
	Serial    string            `db:"serial"` // its ARN
	AccountID string            `db:"account_id"`
	Path      string            `db:"path"`
	Name      string            `db:"name"`
	Seed      []byte            `db:"seed"` // wrapped by the root key
	Tags      map[string]string `db:"tags,json"`
	CreatedAt Micros            `db:"created_at"`
	UserName  *string           `db:"user_name"` // nil while it is not enabled
	EnabledAt Micros            `db:"enabled_at"`
	LastStep  int64             `db:"last_step"` // of the last code accepted
	Failures  int64             `db:"failures"`  // wrong codes since
	// RefusedUntil is when codes are looked at again after too many wrong ones, in the time that devices show.
	RefusedUntil Micros `db:"refused_until"`
}

// MFADevice reads one device of any account.
func (tx *Tx) MFADevice(ctx context.Context, serial string) (MFADevice, error) {
	return queryOne(ctx, tx, scanRow[MFADevice], selectRow[MFADevice]("mfa_devices")+"WHERE serial = $1", serial)
}

// MFADevices lists an account's devices by serial number.
func (tx *Tx) MFADevices(ctx context.Context, accountID string) ([]MFADevice, error) {
	return queryAll(ctx, tx, scanRow[MFADevice], selectRow[MFADevice]("mfa_devices")+"WHERE account_id = $1 ORDER BY serial", accountID)
}

// MFADevicesOfUser lists a user's devices by serial number.
func (tx *Tx) MFADevicesOfUser(ctx context.Context, accountID, user string) ([]MFADevice, error) {
	return queryAll(ctx, tx, scanRow[MFADevice], selectRow[MFADevice]("mfa_devices")+
		"WHERE account_id = $1 AND user_name = $2 ORDER BY serial", accountID, user)
}

// InsertMFADevice adds a device; [ErrExists] if the serial number is taken.
func (tx *Tx) InsertMFADevice(ctx context.Context, d MFADevice) error {
	return insertRow(ctx, tx, "mfa_devices", d)
}

// UpdateMFADevice writes a device.
func (tx *Tx) UpdateMFADevice(ctx context.Context, d MFADevice) error {
	n, err := updateRow(ctx, tx, "mfa_devices", d, new(filter).add("serial = ?", d.Serial))
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteMFADevice removes a device.
func (tx *Tx) DeleteMFADevice(ctx context.Context, serial string) error {
	return tx.execOne(ctx, `DELETE FROM mfa_devices WHERE serial = $1`, serial)
}
