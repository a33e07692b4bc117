package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"gocloud.dev/secrets"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// onMFADevice is a row about a virtual MFA device.
func onMFADevice[In, Out any](s *Service, fn method[In, Out]) api.Operation {
	return row(s, fn, func(ctx context.Context, tx *state.Tx, c *api.Caller, in any) (resource, error) {
		serial := api.Field(in, "SerialNumber")
		if serial == "" {
			serial = mfaSerial(c.AccountID, pathOf(in), api.Field(in, "VirtualMFADeviceName"))
		}
		device, err := tx.MFADevice(ctx, serial)
		if err == nil && device.AccountID == c.AccountID {
			return resource{arn: serial, tags: device.Tags}, nil
		}
		return resource{arn: serial}, err
	})
}

func mfaSerial(accountID, path, name string) string {
	return "arn:aws:iam::" + accountID + ":mfa" + path + name
}

// CreateVirtualMFADevice adds a device; this answer is the only one that shows its seed. The seed as
// a picture, QRCodePNG, is left out.
func (s *Service) CreateVirtualMFADevice(ctx context.Context, c *api.Caller, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	var k constraints
	k.path(in.Path)
	k.tags(in.Tags)
	if err := k.err(); err != nil {
		return nil, err
	}
	seed := make([]byte, totpSeed)
	_, _ = rand.Read(seed) // never fails
	wrapped, err := s.Keeper.Encrypt(ctx, seed)
	if err != nil {
		return nil, fmt.Errorf("wrapping the seed of an MFA device: %w", err)
	}
	device := state.MFADevice{
		Serial: mfaSerial(c.AccountID, pathOf(in), *in.VirtualMFADeviceName), AccountID: c.AccountID, Path: pathOf(in),
		Name: *in.VirtualMFADeviceName, Seed: wrapped, Tags: tagMap(in.Tags),
	}
	err = s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		device.CreatedAt = tx.Now
		err := tx.InsertMFADevice(ctx, device)
		if errors.Is(err, state.ErrExists) {
			return alreadyExists("MFADevice entity at the same path and name already exists.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &types.VirtualMFADevice{
		SerialNumber: aws.String(device.Serial), Tags: tagList(device.Tags),
		Base32StringSeed: []byte(base32.StdEncoding.EncodeToString(seed)),
	}}, nil
}

// DeleteVirtualMFADevice removes a device that no user has.
func (s *Service) DeleteVirtualMFADevice(ctx context.Context, c *api.Caller, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	err := s.changeMFADevice(ctx, c, in.SerialNumber, func(ctx context.Context, tx *state.Tx, device *state.MFADevice) error {
		if device.UserName != nil {
			return deleteConflict("MFA VirtualDevice in use. Must deactivate first.")
		}
		return tx.DeleteMFADevice(ctx, device.Serial)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteVirtualMFADeviceOutput{}, nil
}

// EnableMFADevice gives a device to a user, who proves to hold it by two codes in a row.
func (s *Service) EnableMFADevice(ctx context.Context, c *api.Caller, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	err := s.changeUser(ctx, c, in.UserName, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		device, err := findMFADevice(ctx, tx, c, in.SerialNumber)
		if err != nil {
			return err
		}
		if device.UserName != nil {
			return alreadyExists("MFADevice %s is already in use.", device.Serial)
		}
		devices, err := tx.MFADevicesOfUser(ctx, c.AccountID, user.Name)
		if err != nil {
			return err
		}
		if len(devices) >= maxMFADevices {
			return limitExceeded("Cannot exceed quota for MFADevicesPerUser: %d", maxMFADevices)
		}
		if device.LastStep, err = s.synchronize(ctx, c, device, *in.AuthenticationCode1, *in.AuthenticationCode2); err != nil {
			return err
		}
		device.UserName, device.EnabledAt = aws.String(user.Name), tx.Now
		device.Failures, device.RefusedUntil = 0, 0
		return tx.UpdateMFADevice(ctx, device)
	})
	if err != nil {
		return nil, err
	}
	return &iam.EnableMFADeviceOutput{}, nil
}

// ResyncMFADevice takes two codes in a row of a user's device.
func (s *Service) ResyncMFADevice(ctx context.Context, c *api.Caller, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	err := s.changeUserDevice(ctx, c, in.UserName, in.SerialNumber, func(_ context.Context, device *state.MFADevice) (err error) {
		device.LastStep, err = s.synchronize(ctx, c, *device, *in.AuthenticationCode1, *in.AuthenticationCode2)
		device.Failures, device.RefusedUntil = 0, 0
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.ResyncMFADeviceOutput{}, nil
}

// DeactivateMFADevice takes a device away from its user.
func (s *Service) DeactivateMFADevice(ctx context.Context, c *api.Caller, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	err := s.changeUserDevice(ctx, c, in.UserName, in.SerialNumber, func(_ context.Context, device *state.MFADevice) error {
		device.UserName, device.EnabledAt = nil, 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeactivateMFADeviceOutput{}, nil
}

// GetMFADevice shows a device of a user.
func (s *Service) GetMFADevice(ctx context.Context, c *api.Caller, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	var device state.MFADevice
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		if device, err = findMFADevice(ctx, tx, c, in.SerialNumber); err != nil {
			return err
		}
		if in.UserName != nil && aws.ToString(device.UserName) != *in.UserName {
			return noSuchDevice(in.SerialNumber)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.GetMFADeviceOutput{SerialNumber: aws.String(device.Serial), UserName: device.UserName, EnableDate: seconds(device.EnabledAt)}, nil
}

// ListMFADevices lists a user's devices.
func (s *Service) ListMFADevices(ctx context.Context, c *api.Caller, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	p, err := s.page(c, in)
	if err != nil {
		return nil, err
	}
	var devices []state.MFADevice
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		user, err := findUser(ctx, tx, c, in.UserName)
		if err != nil {
			return err
		}
		devices, err = tx.MFADevicesOfUser(ctx, c.AccountID, user.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	devices, next := cut(p, devices, func(d state.MFADevice) string { return d.Serial })
	out := &iam.ListMFADevicesOutput{MFADevices: []types.MFADevice{}, Marker: next, IsTruncated: next != nil}
	for _, d := range devices {
		out.MFADevices = append(out.MFADevices, types.MFADevice{
			SerialNumber: aws.String(d.Serial), UserName: d.UserName, EnableDate: seconds(d.EnabledAt),
		})
	}
	return out, nil
}

// ListVirtualMFADevices lists the account's devices, those that users have or those that nobody has or both.
func (s *Service) ListVirtualMFADevices(ctx context.Context, c *api.Caller, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	p, err := s.page(c, in, string(in.AssignmentStatus))
	if err != nil {
		return nil, err
	}
	out := &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		devices, err := tx.MFADevices(ctx, c.AccountID)
		if err != nil {
			return err
		}
		var wanted []state.MFADevice
		for _, d := range devices {
			assigned := d.UserName != nil
			if in.AssignmentStatus == types.AssignmentStatusTypeAssigned && !assigned ||
				in.AssignmentStatus == types.AssignmentStatusTypeUnassigned && assigned {
				continue
			}
			wanted = append(wanted, d)
		}
		wanted, out.Marker = cut(p, wanted, func(d state.MFADevice) string { return d.Serial })
		for _, d := range wanted {
			shape := types.VirtualMFADevice{SerialNumber: aws.String(d.Serial), EnableDate: seconds(d.EnabledAt)}
			if d.UserName != nil {
				user, err := tx.User(ctx, c.AccountID, *d.UserName)
				if err != nil {
					return err
				}
				shape.User = userShape(user)
				shape.User.Tags, shape.User.PermissionsBoundary = nil, nil
			}
			out.VirtualMFADevices = append(out.VirtualMFADevices, shape)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated = out.Marker != nil
	return out, nil
}

// TagMFADevice adds tags.
func (s *Service) TagMFADevice(ctx context.Context, c *api.Caller, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	err := s.changeMFADevice(ctx, c, in.SerialNumber, func(ctx context.Context, tx *state.Tx, device *state.MFADevice) (err error) {
		if device.Tags, err = retag(device.Tags, in.Tags); err != nil {
			return err
		}
		return tx.UpdateMFADevice(ctx, *device)
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagMFADeviceOutput{}, nil
}

// UntagMFADevice removes tags.
func (s *Service) UntagMFADevice(ctx context.Context, c *api.Caller, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	err := s.changeMFADevice(ctx, c, in.SerialNumber, func(ctx context.Context, tx *state.Tx, device *state.MFADevice) error {
		device.Tags = untag(device.Tags, in.TagKeys)
		return tx.UpdateMFADevice(ctx, *device)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagMFADeviceOutput{}, nil
}

// ListMFADeviceTags lists tags by key.
func (s *Service) ListMFADeviceTags(ctx context.Context, c *api.Caller, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	var device state.MFADevice
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		device, err = findMFADevice(ctx, tx, c, in.SerialNumber)
		return err
	})
	if err != nil {
		return nil, err
	}
	tags, next, err := s.listTags(c, in, device.Tags)
	if err != nil {
		return nil, err
	}
	return &iam.ListMFADeviceTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

func (s *Service) changeMFADevice(ctx context.Context, c *api.Caller, serial *string, change func(context.Context, *state.Tx, *state.MFADevice) error) error {
	return s.DB.UpdatePrincipals(ctx, func(ctx context.Context, tx *state.Tx) error {
		device, err := findMFADevice(ctx, tx, c, serial)
		if err != nil {
			return err
		}
		return change(ctx, tx, &device)
	})
}

// changeUserDevice runs change on a device that the user has, and keeps what it made of it.
func (s *Service) changeUserDevice(ctx context.Context, c *api.Caller, name, serial *string, change func(context.Context, *state.MFADevice) error) error {
	return s.changeUser(ctx, c, name, func(ctx context.Context, tx *state.Tx, user *state.User) error {
		device, err := findMFADevice(ctx, tx, c, serial)
		if err != nil {
			return err
		}
		if aws.ToString(device.UserName) != user.Name {
			return noSuchEntity("MFA Device invalid for user.")
		}
		if err := change(ctx, &device); err != nil {
			return err
		}
		return tx.UpdateMFADevice(ctx, device)
	})
}

func findMFADevice(ctx context.Context, tx *state.Tx, c *api.Caller, serial *string) (state.MFADevice, error) {
	device, err := tx.MFADevice(ctx, aws.ToString(serial))
	if errors.Is(err, state.ErrNotFound) || err == nil && device.AccountID != c.AccountID {
		return device, noSuchDevice(serial)
	}
	return device, err
}

func noSuchDevice(serial *string) error {
	return noSuchEntity("VirtualMFADevice with serial number %s does not exist.", aws.ToString(serial))
}

// synchronize returns the period of the second of two codes in a row.
func (s *Service) synchronize(ctx context.Context, c *api.Caller, device state.MFADevice, first, second string) (int64, error) {
	seed, err := s.Keeper.Decrypt(ctx, device.Seed)
	if err != nil {
		return 0, fmt.Errorf("unwrapping the seed of %s: %w", device.Serial, err)
	}
	step, ok := totpMatch(seed, first, s.wallTime(c), totpEnrolSlack, device.LastStep)
	if !ok || totpCode(seed, step+1) != second {
		return 0, api.Errorf("InvalidAuthenticationCode", "Authentication code for device is not valid.").WithStatus(http.StatusForbidden)
	}
	return step + 1, nil
}

// wallTime is the time that people's devices show when the call arrived.
func (s *Service) wallTime(c *api.Caller) time.Time {
	if c.ReceivedAt.IsZero() {
		return s.Clock.Now()
	}
	return c.ReceivedAt
}

// Who holds a stolen key would find a code of six digits soon, so after some wrong ones in a row a device is refused, right
// codes included, for longer and longer.
const (
	mfaFreeFailures = 5 // wrong codes in a row, the last of which has the device refused
	mfaRefusal      = time.Minute
	mfaMaxRefusal   = 15 * time.Minute
)

// refusalAfter is for how long a device is refused after so many wrong codes in a row.
func refusalAfter(failures int64) time.Duration {
	pause := mfaRefusal
	for over := failures - mfaFreeFailures; over > 0 && pause < mfaMaxRefusal; over-- {
		pause *= 2
	}
	if failures < mfaFreeFailures {
		return 0
	}
	return min(pause, mfaMaxRefusal)
}

// CheckMFA reports whether code is what the user's device shows at the given time, and has it count only once. Wrong codes
// are counted with the device; while it is refused for them, no code is right.
func CheckMFA(ctx context.Context, db *state.DB, keeper *secrets.Keeper, c *api.Caller, serial, code string, at time.Time) (ok bool, err error) {
	err = db.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		device, err := tx.MFADevice(ctx, serial)
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if device.AccountID != c.AccountID || device.UserName == nil || *device.UserName != callerUser(c) {
			return nil
		}
		if state.MicrosOf(at) < device.RefusedUntil {
			return nil
		}
		seed, err := keeper.Decrypt(ctx, device.Seed)
		if err != nil {
			return fmt.Errorf("unwrapping the seed of %s: %w", serial, err)
		}
		var step int64
		if step, ok = totpMatch(seed, code, at, totpSlack, device.LastStep); ok {
			device.LastStep, device.Failures, device.RefusedUntil = step, 0, 0
		} else {
			device.Failures++
			if pause := refusalAfter(device.Failures); pause > 0 {
				device.RefusedUntil = state.MicrosOf(at.Add(pause))
			}
		}
		return tx.UpdateMFADevice(ctx, device)
	})
	return ok && err == nil, err
}
