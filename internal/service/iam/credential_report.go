package iam

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// The credential report: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
const (
	credentialReport = "credentials" // its kind in state
	// reportLife is how long a report counts as the present state.
	reportLife = 4 * time.Hour
	reportTime = "2006-01-02T15:04:05-07:00"

	notApplicable = "N/A"
	notSupported  = "not_supported"
	noInformation = "no_information"
)

var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation",
	"mfa_active", "access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region",
	"access_key_1_last_used_service", "access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date",
	"access_key_2_last_used_region", "access_key_2_last_used_service", "cert_1_active", "cert_1_last_rotated", "cert_2_active",
	"cert_2_last_rotated",
}

// GenerateCredentialReport makes a report, unless there is one of the last four hours.
func (s *Service) GenerateCredentialReport(ctx context.Context, c *api.Caller, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	out := &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}
	if err := s.authorizer.Settle(ctx); err != nil {
		return nil, err
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		last, err := tx.LatestIAMReport(ctx, c.AccountID, credentialReport)
		switch {
		case err == nil && !expired(last, tx.Now):
			return nil
		case err == nil:
			out.Description = aws.String("The last report is older than four hours. Starting a new report generation task")
		case errors.Is(err, state.ErrNotFound):
			out.Description = aws.String("No report exists. Starting a new report generation task")
		default:
			return err
		}
		out.State = types.ReportStateTypeStarted
		content, err := credentialTable(ctx, tx, c.AccountID)
		if err != nil {
			return err
		}
		if err := tx.DeleteIAMReports(ctx, c.AccountID, credentialReport, tx.Now); err != nil {
			return err
		}
		return tx.InsertIAMReport(ctx, state.IAMReport{
			ID: uuid.NewString(), AccountID: c.AccountID, Kind: credentialReport, CreatedAt: tx.Now, Content: content,
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func expired(r state.IAMReport, now state.Micros) bool {
	return now.Time().Sub(r.CreatedAt.Time()) >= reportLife
}

// GetCredentialReport shows the last report.
func (s *Service) GetCredentialReport(ctx context.Context, c *api.Caller, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	var report state.IAMReport
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		report, err = tx.LatestIAMReport(ctx, c.AccountID, credentialReport)
		switch {
		case errors.Is(err, state.ErrNotFound):
			return api.Errorf("ReportNotPresent", "No report is present for the account. Use GenerateCredentialReport to make one.").WithStatus(http.StatusGone)
		case err == nil && expired(report, tx.Now):
			return api.Errorf("ReportExpired", "The report is older than four hours. Use GenerateCredentialReport to make another.").WithStatus(http.StatusGone)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.GetCredentialReportOutput{
		Content: []byte(report.Content), GeneratedTime: seconds(report.CreatedAt), ReportFormat: types.ReportFormatTypeTextCsv,
	}, nil
}

// credentialTable is a report's content: the root user, who has no credentials here, and all users by name.
func credentialTable(ctx context.Context, tx *state.Tx, accountID string) (string, error) {
	account, err := tx.Account(ctx, accountID)
	if err != nil {
		return "", err
	}
	policy, _, err := passwordPolicy(ctx, tx, accountID)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	table := csv.NewWriter(&text)
	root := []string{
		"<root_account>", "arn:aws:iam::" + accountID + ":root", reportDate(account.CreatedAt, notApplicable), notSupported, noInformation,
		notSupported, notSupported, "false",
	}
	root = slices.Concat(root, keyCells(nil, state.AccessKeyUse{}), keyCells(nil, state.AccessKeyUse{}), certificateCells())
	if err := errors.Join(table.Write(reportColumns), table.Write(root)); err != nil {
		return "", err
	}
	const atOnce = 1000
	for after := ""; ; {
		users, err := tx.Users(ctx, accountID, "/", after, atOnce)
		if err != nil {
			return "", err
		}
		for _, user := range users {
			row, err := credentialRow(ctx, tx, user, policy)
			if err == nil {
				err = table.Write(row)
			}
			if err != nil {
				return "", fmt.Errorf("reporting on the user %s: %w", user.Name, err)
			}
			after = user.Name
		}
		if len(users) < atOnce {
			break
		}
	}
	table.Flush()
	return text.String(), table.Error()
}

func credentialRow(ctx context.Context, tx *state.Tx, user state.User, policy state.PasswordPolicy) ([]string, error) {
	row := []string{user.Name, user.ARN(), reportDate(user.CreatedAt, notApplicable)}
	login, err := tx.LoginProfile(ctx, user.AccountID, user.Name)
	switch {
	case errors.Is(err, state.ErrNotFound):
		row = append(row, "false", notApplicable, notApplicable, notApplicable)
	case err != nil:
		return nil, err
	default:
		next := notApplicable
		if policy.MaxAgeDays > 0 {
			next = login.ChangedAt.Time().AddDate(0, 0, int(policy.MaxAgeDays)).Format(reportTime)
		}
		row = append(row, "true", noInformation, reportDate(login.ChangedAt, notApplicable), next)
	}
	devices, err := tx.MFADevicesOfUser(ctx, user.AccountID, user.Name)
	if err != nil {
		return nil, err
	}
	row = append(row, strconv.FormatBool(len(devices) > 0))
	keys, err := tx.AccessKeys(ctx, user.AccountID, user.Name)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, func(a, b state.AccessKey) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	for i := range maxKeysPerUser {
		if i >= len(keys) {
			row = append(row, keyCells(nil, state.AccessKeyUse{})...)
			continue
		}
		use, err := tx.AccessKeyUse(ctx, keys[i].ID)
		if err != nil && !errors.Is(err, state.ErrNotFound) {
			return nil, err
		}
		row = append(row, keyCells(&keys[i], use)...)
	}
	return append(row, certificateCells()...), nil
}

// keyCells are the columns of an access key, or of none.
func keyCells(key *state.AccessKey, use state.AccessKeyUse) []string {
	if key == nil {
		return []string{"false", notApplicable, notApplicable, notApplicable, notApplicable}
	}
	return []string{
		strconv.FormatBool(key.Status == string(types.StatusTypeActive)), reportDate(key.CreatedAt, notApplicable),
		reportDate(use.UsedAt, notApplicable), cmp.Or(use.Region, notApplicable), cmp.Or(use.Service, notApplicable),
	}
}

// certificateCells are the columns of signing certificates, of which nobody has any.
func certificateCells() []string { return []string{"false", notApplicable, "false", notApplicable} }

func reportDate(at state.Micros, none string) string {
	if at == 0 {
		return none
	}
	return at.Time().Format(reportTime)
}
