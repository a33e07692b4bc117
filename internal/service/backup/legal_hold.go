package backup

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

const (
	holdRecordDays    = 180 // how long the record of a canceled hold is kept unless the caller says
	holdTextLength    = 280
	maxHoldRecordDays = 36500
)

func holdARN(c *api.Caller, id string) string {
	return arn.New("backup", c.Region, c.AccountID, "legal-hold:"+id).String()
}

// findHold reads one of the caller's holds.
func findHold(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (state.LegalHold, error) {
	hold, err := tx.LegalHold(ctx, id)
	if errors.Is(err, state.ErrNotFound) || err == nil && (hold.AccountID != c.AccountID || hold.Region != c.Region) {
		return state.LegalHold{}, notFound("Cannot find legal hold with id: %s.", id)
	}
	return hold, err
}

// onHold is an access to one of the caller's holds.
func (s *Service) onHold(ctx context.Context, c *api.Caller, action string, id *string) ([]api.Access, error) {
	if aws.ToString(id) == "" {
		return nil, missing("LegalHoldId")
	}
	a := api.Access{Action: "backup:" + action, Resource: holdARN(c, *id)}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		hold, err := findHold(ctx, tx, c, *id)
		a.Context = api.WithResourceTags(nil, hold.Tags)
		if api.Code(err) == "ResourceNotFoundException" {
			return nil
		}
		return err
	})
	return one(a, err)
}

func (s *Service) createHoldAccess(_ context.Context, c *api.Caller, in *backup.CreateLegalHoldInput) ([]api.Access, error) {
	return []api.Access{{Action: "backup:CreateLegalHold", Resource: holdARN(c, "*"), Context: api.WithRequestTags(nil, in.Tags)}}, nil
}

// CreateLegalHold keeps recovery points from being deleted, and from moving to cold storage, until it is canceled: those
// that are there and those that come. It is active when it is answered.
func (s *Service) CreateLegalHold(ctx context.Context, c *api.Caller, in *backup.CreateLegalHoldInput) (*backup.CreateLegalHoldOutput, error) {
	hold := state.LegalHold{
		ID: uuid.NewString(), AccountID: c.AccountID, Region: c.Region, Title: aws.ToString(in.Title), Description: aws.ToString(in.Description),
		Status: state.HoldActive, IdempotencyToken: aws.ToString(in.IdempotencyToken), Tags: in.Tags,
	}
	hold.ARN = holdARN(c, hold.ID)
	for _, check := range []error{
		holdText("Title", hold.Title), holdText("Description", hold.Description), checkTags(in.Tags), checkToken(in.IdempotencyToken),
		selectHeld(in.RecoveryPointSelection, &hold),
	} {
		if check != nil {
			return nil, check
		}
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if hold.IdempotencyToken != "" {
			there, err := tx.LegalHoldByToken(ctx, c.AccountID, c.Region, hold.IdempotencyToken)
			if !errors.Is(err, state.ErrNotFound) {
				hold = there
				return err
			}
		}
		active, err := tx.CountActiveLegalHolds(ctx, c.AccountID, c.Region)
		if err != nil {
			return err
		}
		if active >= rules.MaxLegalHolds {
			return limitExceeded("You have reached the limit of %d active legal holds.", rules.MaxLegalHolds)
		}
		hold.CreatedAt = tx.Now
		return tx.InsertLegalHold(ctx, hold)
	})
	if err != nil {
		return nil, err
	}
	return &backup.CreateLegalHoldOutput{
		LegalHoldId: &hold.ID, LegalHoldArn: &hold.ARN, Title: &hold.Title, Description: &hold.Description,
		Status: types.LegalHoldStatus(hold.Status), CreationDate: hold.CreatedAt.Ptr(), RecoveryPointSelection: showHeld(hold),
	}, nil
}

func holdText(field, text string) error {
	switch {
	case text == "":
		return missing(field)
	case utf8.RuneCountInString(text) > holdTextLength:
		return invalid("%s must have at most %d characters.", field, holdTextLength)
	}
	return nil
}

// selectHeld reads which points a hold is for.
func selectHeld(in *types.RecoveryPointSelection, hold *state.LegalHold) error {
	if in == nil || len(in.VaultNames)+len(in.ResourceIdentifiers) == 0 {
		return missing("RecoveryPointSelection")
	}
	for _, name := range in.VaultNames {
		if !rules.VaultNamePattern.MatchString(name) {
			return invalid("Invalid backup vault name %q in VaultNames.", name)
		}
	}
	for _, resource := range in.ResourceIdentifiers {
		if _, err := arn.Parse(resource); err != nil {
			return invalid("Invalid ARN %s in ResourceIdentifiers.", resource)
		}
	}
	hold.VaultNames, hold.ResourceARNs = in.VaultNames, in.ResourceIdentifiers
	span := in.DateRange
	switch {
	case span == nil:
		return nil
	case span.FromDate == nil:
		return missing("FromDate")
	case span.ToDate == nil:
		return missing("ToDate")
	case span.ToDate.Before(*span.FromDate):
		return invalid("ToDate in DateRange must not be before FromDate.")
	}
	// Times are told in seconds or milliseconds: all of the last second counts.
	hold.From, hold.To = state.MicrosOf(*span.FromDate), state.MicrosOf(span.ToDate.Truncate(time.Second).Add(time.Second-time.Microsecond))
	return nil
}

func showHeld(h state.LegalHold) *types.RecoveryPointSelection {
	shown := &types.RecoveryPointSelection{VaultNames: h.VaultNames, ResourceIdentifiers: h.ResourceARNs}
	if h.To != 0 {
		shown.DateRange = &types.DateRange{FromDate: aws.Time(h.From.Time()), ToDate: aws.Time(h.To.Time().Truncate(time.Second))}
	}
	return shown
}

func (s *Service) getHoldAccess(ctx context.Context, c *api.Caller, in *backup.GetLegalHoldInput) ([]api.Access, error) {
	return s.onHold(ctx, c, "GetLegalHold", in.LegalHoldId)
}

// GetLegalHold tells of a hold.
func (s *Service) GetLegalHold(ctx context.Context, c *api.Caller, in *backup.GetLegalHoldInput) (*backup.GetLegalHoldOutput, error) {
	out := &backup.GetLegalHoldOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		h, err := findHold(ctx, tx, c, *in.LegalHoldId)
		*out = backup.GetLegalHoldOutput{
			LegalHoldId: &h.ID, LegalHoldArn: &h.ARN, Title: &h.Title, Description: &h.Description, Status: types.LegalHoldStatus(h.Status),
			CreationDate: h.CreatedAt.Ptr(), CancellationDate: h.CanceledAt.Ptr(), CancelDescription: optional(h.CancelDescription),
			RetainRecordUntil: h.RetainUntil.Ptr(), RecoveryPointSelection: showHeld(h),
		}
		return err
	})
}

// ListLegalHolds lists the caller's holds, active and canceled, newest first.
func (s *Service) ListLegalHolds(ctx context.Context, c *api.Caller, in *backup.ListLegalHoldsInput) (*backup.ListLegalHoldsOutput, error) {
	p, err := s.page(c, "ListLegalHolds", in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListLegalHoldsOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		holds, err := tx.LegalHolds(ctx, c.AccountID, c.Region, p.after, p.limit+1)
		out.LegalHolds, out.NextToken = cut(p, holds, func(h state.LegalHold) state.Cursor { return state.Cursor{At: h.CreatedAt, ID: h.ID} },
			func(h state.LegalHold) types.LegalHold {
				return types.LegalHold{
					LegalHoldId: &h.ID, LegalHoldArn: &h.ARN, Title: &h.Title, Description: &h.Description, Status: types.LegalHoldStatus(h.Status),
					CreationDate: h.CreatedAt.Ptr(), CancellationDate: h.CanceledAt.Ptr(),
				}
			})
		return err
	})
}

func (s *Service) cancelHoldAccess(ctx context.Context, c *api.Caller, in *backup.CancelLegalHoldInput) ([]api.Access, error) {
	return s.onHold(ctx, c, "CancelLegalHold", in.LegalHoldId)
}

// CancelLegalHold releases a hold's points. Those whose retention is over are deleted then. The hold's record is kept.
func (s *Service) CancelLegalHold(ctx context.Context, c *api.Caller, in *backup.CancelLegalHoldInput) (*backup.CancelLegalHoldOutput, error) {
	days := int64(holdRecordDays)
	if in.RetainRecordInDays != nil {
		days = *in.RetainRecordInDays
	}
	switch {
	case aws.ToString(in.CancelDescription) == "":
		return nil, missing("CancelDescription")
	case days < 0 || days > maxHoldRecordDays:
		return nil, invalid("RetainRecordInDays must be between 0 and %d.", maxHoldRecordDays)
	}
	return &backup.CancelLegalHoldOutput{}, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		hold, err := findHold(ctx, tx, c, *in.LegalHoldId)
		switch {
		case err != nil:
			return err
		case hold.Status != state.HoldActive:
			return invalidState("Legal hold %s cannot be canceled: it is %s.", hold.ID, hold.Status)
		}
		hold.Status, hold.CanceledAt, hold.CancelDescription = state.HoldCanceled, tx.Now, *in.CancelDescription
		hold.RetainUntil = state.MicrosOf(tx.Now.Time().AddDate(0, 0, int(days)))
		return tx.CancelLegalHold(ctx, hold)
	})
}

func (s *Service) listPointsByHoldAccess(ctx context.Context, c *api.Caller, in *backup.ListRecoveryPointsByLegalHoldInput) ([]api.Access, error) {
	return s.onHold(ctx, c, "ListRecoveryPointsByLegalHold", in.LegalHoldId)
}

// ListRecoveryPointsByLegalHold lists the points that a hold keeps, newest first.
func (s *Service) ListRecoveryPointsByLegalHold(ctx context.Context, c *api.Caller, in *backup.ListRecoveryPointsByLegalHoldInput) (*backup.ListRecoveryPointsByLegalHoldOutput, error) {
	p, err := s.page(c, "ListRecoveryPointsByLegalHold:"+*in.LegalHoldId, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &backup.ListRecoveryPointsByLegalHoldOutput{}
	return out, s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := findHold(ctx, tx, c, *in.LegalHoldId); err != nil {
			return err
		}
		points, err := tx.PointsOnHold(ctx, *in.LegalHoldId, p.after, p.limit+1)
		out.RecoveryPoints, out.NextToken = cut(p, points, pointCursor, func(r state.RecoveryPoint) types.RecoveryPointMember {
			return types.RecoveryPointMember{RecoveryPointArn: &r.ARN, ResourceArn: &r.ResourceARN, ResourceType: &r.ResourceType, BackupVaultName: &r.VaultName}
		})
		return err
	})
}
