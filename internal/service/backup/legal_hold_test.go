package backup_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsbackup "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/state"
)

// heldPoints lists what a hold keeps, one point a page.
func heldPoints(t *testing.T, c *awsbackup.Client, hold *string) []string {
	t.Helper()
	var arns []string
	for p := awsbackup.NewListRecoveryPointsByLegalHoldPaginator(c, &awsbackup.ListRecoveryPointsByLegalHoldInput{LegalHoldId: hold, MaxResults: new(int32(1))}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		must(t, err)
		for _, r := range out.RecoveryPoints {
			arns = append(arns, *r.RecoveryPointArn)
		}
	}
	return arns
}

// legalHoldStory makes, reads and cancels a hold on points that are there and one that comes later.
func legalHoldStory(t *testing.T, w *world, c *awsbackup.Client) {
	t.Helper()
	ctx := t.Context()
	for _, name := range []string{"held", "free"} {
		w.vault(member, name)
	}
	early := w.point(member, "held", "early", start.AddDate(0, 0, -10), nil)
	first := w.point(member, "held", "first", start, nil)
	w.point(member, "free", "free", start, nil)
	w.point(member, "held", "expired", start, func(p *state.RecoveryPoint) { p.Status = state.PointExpired })
	in := &awsbackup.CreateLegalHoldInput{
		Title: new("a case"), Description: new("of this week"), Tags: map[string]string{"case": "7"}, IdempotencyToken: new("once"),
		RecoveryPointSelection: &types.RecoveryPointSelection{
			VaultNames: []string{"held"}, DateRange: &types.DateRange{FromDate: aws.Time(start), ToDate: aws.Time(start.AddDate(0, 0, 7))},
		},
	}
	made, err := c.CreateLegalHold(ctx, in)
	must(t, err)
	again, err := c.CreateLegalHold(ctx, in)
	must(t, err)
	if *again.LegalHoldId != *made.LegalHoldId || *made.LegalHoldArn != "arn:aws:backup:eu-central-1:111111111111:legal-hold:"+*made.LegalHoldId {
		t.Errorf("hold %s, then %s", *made.LegalHoldArn, *again.LegalHoldArn)
	}
	second := w.point(member, "held", "second", start.AddDate(0, 0, 7), nil)
	late := w.point(member, "held", "late", start.AddDate(0, 0, 8), nil)
	if diff := cmp.Diff([]string{*second, *first}, heldPoints(t, c, made.LegalHoldId)); diff != "" {
		t.Errorf("held points (-want +got):\n%s", diff)
	}
	for _, point := range []*string{first, second} {
		_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("held"), RecoveryPointArn: point})
		refused(t, err, "InvalidRequestException", "legal hold")
	}
	for _, point := range []*string{early, late} {
		_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("held"), RecoveryPointArn: point})
		must(t, err)
	}
	tags, err := c.ListTags(ctx, &awsbackup.ListTagsInput{ResourceArn: made.LegalHoldArn})
	must(t, err)
	if tags.Tags["case"] != "7" {
		t.Errorf("the hold's tags are %v", tags.Tags)
	}
	other, err := c.CreateLegalHold(ctx, &awsbackup.CreateLegalHoldInput{Title: new("a bucket"), Description: new("d"), RecoveryPointSelection: &types.RecoveryPointSelection{ResourceIdentifiers: []string{"arn:aws:s3:::bucket"}}})
	must(t, err)
	if got := heldPoints(t, c, other.LegalHoldId); len(got) != 3 { // free, first, second: one is being deleted
		t.Errorf("the resource's hold keeps %v", got)
	}
	var titles []string
	for p := awsbackup.NewListLegalHoldsPaginator(c, &awsbackup.ListLegalHoldsInput{MaxResults: new(int32(1))}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		must(t, err)
		for _, h := range out.LegalHolds {
			titles = append(titles, *h.Title)
		}
	}
	if len(titles) != 2 {
		t.Errorf("holds: %v", titles)
	}
	for _, hold := range []*string{made.LegalHoldId, other.LegalHoldId} {
		_, err = c.CancelLegalHold(ctx, &awsbackup.CancelLegalHoldInput{LegalHoldId: hold, CancelDescription: new("settled"), RetainRecordInDays: new(int64(3))})
		must(t, err)
	}
	_, err = c.CancelLegalHold(ctx, &awsbackup.CancelLegalHoldInput{LegalHoldId: made.LegalHoldId, CancelDescription: new("settled")})
	refused(t, err, "InvalidResourceStateException", "CANCELED")
	read, err := c.GetLegalHold(ctx, &awsbackup.GetLegalHoldInput{LegalHoldId: made.LegalHoldId})
	must(t, err)
	if read.Status != types.LegalHoldStatusCanceled || *read.CancelDescription != "settled" || !read.RetainRecordUntil.Equal(w.clock.Now().AddDate(0, 0, 3)) ||
		!read.RecoveryPointSelection.DateRange.ToDate.Equal(start.AddDate(0, 0, 7)) {
		t.Errorf("the canceled hold is %+v", read)
	}
	if got := heldPoints(t, c, made.LegalHoldId); len(got) != 0 {
		t.Errorf("a canceled hold keeps %v", got)
	}
	_, err = c.DeleteRecoveryPoint(ctx, &awsbackup.DeleteRecoveryPointInput{BackupVaultName: new("held"), RecoveryPointArn: first})
	must(t, err)
}

func TestLegalHoldRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	hold := func(change func(*awsbackup.CreateLegalHoldInput)) *awsbackup.CreateLegalHoldInput {
		in := &awsbackup.CreateLegalHoldInput{Title: new("t"), Description: new("d"), RecoveryPointSelection: &types.RecoveryPointSelection{VaultNames: []string{"local"}}}
		change(in)
		return in
	}
	for _, test := range []struct {
		name string
		in   *awsbackup.CreateLegalHoldInput
		code string
		text string
	}{
		{"nothing selected", hold(func(in *awsbackup.CreateLegalHoldInput) { in.RecoveryPointSelection = nil }), "MissingParameterValueException", "RecoveryPointSelection"},
		{"a vault's name", hold(func(in *awsbackup.CreateLegalHoldInput) { in.RecoveryPointSelection.VaultNames = []string{"a b"} }), "InvalidParameterValueException", "a b"},
		{"no ARN", hold(func(in *awsbackup.CreateLegalHoldInput) {
			in.RecoveryPointSelection.ResourceIdentifiers = []string{"bucket"}
		}), "InvalidParameterValueException", "ResourceIdentifiers"},
		{"a range backwards", hold(func(in *awsbackup.CreateLegalHoldInput) {
			in.RecoveryPointSelection.DateRange = &types.DateRange{FromDate: aws.Time(start), ToDate: aws.Time(start.Add(-time.Hour))}
		}), "InvalidParameterValueException", "ToDate"},
		{"a long title", hold(func(in *awsbackup.CreateLegalHoldInput) { in.Title = new(string(make([]byte, 300))) }), "InvalidParameterValueException", "Title"},
	} {
		_, err := c.CreateLegalHold(ctx, test.in)
		t.Run(test.name, func(t *testing.T) { refused(t, err, test.code, test.text) })
	}
	_, err := c.GetLegalHold(ctx, &awsbackup.GetLegalHoldInput{LegalHoldId: new("none")})
	refused(t, err, "ResourceNotFoundException", "none")
	made, err := c.CreateLegalHold(ctx, hold(func(*awsbackup.CreateLegalHoldInput) {}))
	must(t, err)
	_, err = w.backup(other).CancelLegalHold(ctx, &awsbackup.CancelLegalHoldInput{LegalHoldId: made.LegalHoldId, CancelDescription: new("d")})
	refused(t, err, "ResourceNotFoundException", *made.LegalHoldId)
	_, err = w.as(member, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"backup:*","Resource":"*"},{"Effect":"Deny","Action":"backup:CancelLegalHold","Resource":"arn:aws:backup:*:*:legal-hold:*"}]}`).
		CancelLegalHold(ctx, &awsbackup.CancelLegalHoldInput{LegalHoldId: made.LegalHoldId, CancelDescription: new("d")})
	refused(t, err, "AccessDeniedException", "backup:CancelLegalHold")
	for range 49 {
		_, err = c.CreateLegalHold(ctx, hold(func(*awsbackup.CreateLegalHoldInput) {}))
		must(t, err)
	}
	_, err = c.CreateLegalHold(ctx, hold(func(*awsbackup.CreateLegalHoldInput) {}))
	refused(t, err, "LimitExceededException", "50")
}

// TestHeldPointsAreNotDue has the queries of the lifecycles leave out what a hold keeps.
func TestHeldPointsAreNotDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, c := t.Context(), w.backup(member)
	w.vault(member, "local")
	due := state.MicrosOf(start)
	w.point(member, "local", "held", start, func(p *state.RecoveryPoint) { p.DeleteAt, p.MoveAt = due, due })
	count := func() (n int) {
		w.update(func(ctx context.Context, tx *state.Tx) error {
			gone, err := tx.PointsToDelete(ctx, tx.Now, 10)
			must(t, err)
			cold, err := tx.PointsToCool(ctx, tx.Now, 10)
			n = len(gone) + len(cold)
			return err
		})
		return n
	}
	made, err := c.CreateLegalHold(ctx, &awsbackup.CreateLegalHoldInput{Title: new("t"), Description: new("d"), RecoveryPointSelection: &types.RecoveryPointSelection{VaultNames: []string{"local"}}})
	must(t, err)
	if n := count(); n != 0 {
		t.Errorf("%d lifecycles go on under a hold", n)
	}
	_, err = c.CancelLegalHold(ctx, &awsbackup.CancelLegalHoldInput{LegalHoldId: made.LegalHoldId, CancelDescription: new("d")})
	must(t, err)
	if n := count(); n != 2 {
		t.Errorf("%d lifecycles go on after the hold, want 2", n)
	}
}
