package copier

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"strongroom/clock"
)

const (
	firstVault = "arn:aws:backup:eu-central-1:222222222222:backup-vault:first"
	finalVault = "arn:aws:backup:eu-north-1:222222222222:backup-vault:final"
	thirdVault = "arn:aws:backup:eu-west-1:222222222222:backup-vault:third"
	role       = "arn:aws:iam::222222222222:role/copies"
	database   = "arn:aws:rds:eu-central-1:111111111111:db:orders"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// account is a small AWS Backup of one account: vaults with points, copy jobs that end when they are told to, and tokens.
type account struct {
	mu     sync.Mutex // guards all
	now    time.Time
	vaults map[string][]types.RecoveryPointByBackupVault // by vault ARN
	cold   map[string]bool
	jobs   []types.CopyJob
	tokens map[string]string // of jobs, by token
	asked  map[string]*backup.StartCopyJobInput
	tagged map[string]map[string]string
	fail   func(operation string) error
	calls  map[string]int
	dead   []*sqs.SendMessageInput
}

// region is the account in a Region.
type region struct {
	*account
	name string
}

func newAccount() *account {
	return &account{
		now: noon, vaults: map[string][]types.RecoveryPointByBackupVault{}, cold: map[string]bool{}, tokens: map[string]string{},
		asked: map[string]*backup.StartCopyJobInput{}, tagged: map[string]map[string]string{}, calls: map[string]int{},
	}
}

func failure(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

// enter begins a call: it counts it and makes it fail if it is to.
func (a *account) enter(operation string) error {
	a.calls[operation]++
	if a.fail == nil {
		return nil
	}
	return a.fail(operation)
}

// arrive puts a point of the database into the first vault, backed up days ago, and returns its ARN.
func (a *account) arrive(n int, daysAgo int, change ...func(*types.RecoveryPointByBackupVault)) string {
	p := types.RecoveryPointByBackupVault{
		RecoveryPointArn: aws.String(fmt.Sprintf("arn:aws:rds:eu-central-1:222222222222:snapshot:awsbackup:copyjob-%d", n)), ResourceArn: aws.String(database), ResourceType: aws.String("RDS"),
		Status: types.RecoveryPointStatusCompleted, CreationDate: aws.Time(a.now.AddDate(0, 0, -daysAgo).Add(time.Duration(n) * time.Minute)), CompletionDate: aws.Time(a.now.Add(-time.Minute)),
	}
	for _, f := range change {
		f(&p)
	}
	a.vaults[firstVault] = append(a.vaults[firstVault], p)
	return *p.RecoveryPointArn
}

// end ends a job; a completed one leaves its copy in the final vault.
func (a *account) end(i int, state types.CopyJobState, message, category string) types.CopyJob {
	j := &a.jobs[i]
	j.State, j.StatusMessage, j.MessageCategory, j.CompletionDate = state, &message, &category, aws.Time(a.now)
	if state == types.CopyJobStateCompleted {
		for _, p := range a.vaults[firstVault] {
			if *p.RecoveryPointArn == *j.SourceRecoveryPointArn {
				p.RecoveryPointArn = aws.String(strings.Replace(*p.RecoveryPointArn, "eu-central-1", "eu-north-1", 1) + "-final")
				p.CompletionDate, p.Status = aws.Time(a.now), types.RecoveryPointStatusCompleted
				a.vaults[*j.DestinationBackupVaultArn] = append(a.vaults[*j.DestinationBackupVaultArn], p)
				j.DestinationRecoveryPointArn = p.RecoveryPointArn
			}
		}
	}
	return *j
}

func (a *account) vaultARN(region, name string) string {
	return "arn:aws:backup:" + region + ":222222222222:backup-vault:" + name
}

func (r region) find(vault, point string) (types.RecoveryPointByBackupVault, error) {
	for _, p := range r.vaults[r.vaultARN(r.name, vault)] {
		if *p.RecoveryPointArn == point {
			return p, nil
		}
	}
	return types.RecoveryPointByBackupVault{}, failure("ResourceNotFoundException", "Cannot find recovery point "+point)
}

func (r region) DescribeRecoveryPoint(_ context.Context, in *backup.DescribeRecoveryPointInput, _ ...func(*backup.Options)) (*backup.DescribeRecoveryPointOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.enter("DescribeRecoveryPoint"); err != nil {
		return nil, err
	}
	p, err := r.find(*in.BackupVaultName, *in.RecoveryPointArn)
	out := &backup.DescribeRecoveryPointOutput{
		RecoveryPointArn: p.RecoveryPointArn, ResourceArn: p.ResourceArn, ResourceType: p.ResourceType, Status: p.Status,
		CreationDate: p.CreationDate, CompletionDate: p.CompletionDate, Lifecycle: p.Lifecycle, StorageClass: types.StorageClassWarm,
	}
	if r.cold[*in.RecoveryPointArn] {
		out.StorageClass = types.StorageClassCold
	}
	return out, err
}

// ListCopyJobs shows two jobs per page, so that whoever does not turn pages is caught.
func (r region) ListCopyJobs(_ context.Context, in *backup.ListCopyJobsInput, _ ...func(*backup.Options)) (*backup.ListCopyJobsOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.enter("ListCopyJobs"); err != nil {
		return nil, err
	}
	var all []types.CopyJob
	for _, j := range r.jobs {
		if (in.BySourceRecoveryPointArn == nil || *in.BySourceRecoveryPointArn == *j.SourceRecoveryPointArn) && (in.ByResourceArn == nil || *in.ByResourceArn == *j.ResourceArn) &&
			(in.ByCreatedAfter == nil || j.CreationDate.After(*in.ByCreatedAfter)) && strings.Contains(*j.SourceBackupVaultArn, ":"+r.name+":") {
			all = append(all, j)
		}
	}
	out := &backup.ListCopyJobsOutput{}
	out.CopyJobs, out.NextToken = page(all, in.NextToken)
	return out, nil
}

func page[T any](all []T, token *string) ([]T, *string) {
	at := 0
	if token != nil {
		_, _ = fmt.Sscan(*token, &at)
	}
	end := min(at+2, len(all))
	if end == len(all) {
		return all[at:end], nil
	}
	return all[at:end], aws.String(fmt.Sprint(end))
}

func (r region) ListRecoveryPointsByBackupVault(_ context.Context, in *backup.ListRecoveryPointsByBackupVaultInput, _ ...func(*backup.Options)) (*backup.ListRecoveryPointsByBackupVaultOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.enter("ListRecoveryPointsByBackupVault"); err != nil {
		return nil, err
	}
	var all []types.RecoveryPointByBackupVault
	for _, p := range r.vaults[r.vaultARN(r.name, *in.BackupVaultName)] {
		if (in.ByResourceArn == nil || *in.ByResourceArn == *p.ResourceArn) && (in.ByCreatedAfter == nil || p.CreationDate.After(*in.ByCreatedAfter)) &&
			(in.ByCreatedBefore == nil || p.CreationDate.Before(*in.ByCreatedBefore)) {
			all = append(all, p)
		}
	}
	out := &backup.ListRecoveryPointsByBackupVaultOutput{}
	out.RecoveryPoints, out.NextToken = page(all, in.NextToken)
	return out, nil
}

func (r region) StartCopyJob(_ context.Context, in *backup.StartCopyJobInput, _ ...func(*backup.Options)) (*backup.StartCopyJobOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.enter("StartCopyJob"); err != nil {
		return nil, err
	}
	p, err := r.find(*in.SourceBackupVaultName, *in.RecoveryPointArn)
	if err != nil {
		return nil, err
	}
	if id, used := r.tokens[*in.IdempotencyToken]; used {
		return &backup.StartCopyJobOutput{CopyJobId: &id}, nil
	}
	id := fmt.Sprintf("job-%d", len(r.jobs))
	r.tokens[*in.IdempotencyToken], r.asked[id] = id, in
	r.jobs = append(r.jobs, types.CopyJob{
		CopyJobId: &id, State: types.CopyJobStateCreated, SourceRecoveryPointArn: in.RecoveryPointArn, SourceBackupVaultArn: aws.String(r.vaultARN(r.name, *in.SourceBackupVaultName)),
		DestinationBackupVaultArn: in.DestinationBackupVaultArn, ResourceArn: p.ResourceArn, ResourceType: p.ResourceType, CreationDate: aws.Time(r.now),
	})
	return &backup.StartCopyJobOutput{CopyJobId: &id, CreationDate: aws.Time(r.now)}, nil
}

func (r region) DeleteRecoveryPoint(_ context.Context, in *backup.DeleteRecoveryPointInput, _ ...func(*backup.Options)) (*backup.DeleteRecoveryPointOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.enter("DeleteRecoveryPoint"); err != nil {
		return nil, err
	}
	if _, err := r.find(*in.BackupVaultName, *in.RecoveryPointArn); err != nil {
		return nil, err
	}
	vault := r.vaultARN(r.name, *in.BackupVaultName)
	r.vaults[vault] = slices.DeleteFunc(r.vaults[vault], func(p types.RecoveryPointByBackupVault) bool { return *p.RecoveryPointArn == *in.RecoveryPointArn })
	return &backup.DeleteRecoveryPointOutput{}, nil
}

// ListTags knows, as AWS's does, only recovery points that AWS Backup manages fully.
func (r region) ListTags(_ context.Context, in *backup.ListTagsInput, _ ...func(*backup.Options)) (*backup.ListTagsOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !strings.HasPrefix(*in.ResourceArn, "arn:aws:backup:") {
		return nil, failure("InvalidParameterValueException", "Invalid ARN "+*in.ResourceArn)
	}
	return &backup.ListTagsOutput{Tags: r.tagged[*in.ResourceArn]}, r.enter("ListTags")
}

func (r region) TagResource(_ context.Context, in *backup.TagResourceInput, _ ...func(*backup.Options)) (*backup.TagResourceOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, value := range in.Tags {
		r.tag(*in.ResourceArn, key, value)
	}
	return &backup.TagResourceOutput{}, r.enter("TagResource")
}

// ListTagsForResource is RDS's, which knows snapshots of databases and nothing else.
func (r region) ListTagsForResource(_ context.Context, in *rds.ListTagsForResourceInput, _ ...func(*rds.Options)) (*rds.ListTagsForResourceOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &rds.ListTagsForResourceOutput{}
	for key, value := range r.tagged[*in.ResourceName] {
		out.TagList = append(out.TagList, rdstypes.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	return out, r.enter("ListTagsForResource")
}

func (r region) AddTagsToResource(_ context.Context, in *rds.AddTagsToResourceInput, _ ...func(*rds.Options)) (*rds.AddTagsToResourceOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range in.Tags {
		r.tag(*in.ResourceName, *t.Key, *t.Value)
	}
	return &rds.AddTagsToResourceOutput{}, r.enter("AddTagsToResource")
}

func (a *account) tag(arn, key, value string) {
	if a.tagged[arn] == nil {
		a.tagged[arn] = map[string]string{}
	}
	a.tagged[arn][key] = value
}

func (a *account) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.enter("SendMessage"); err != nil {
		return nil, err
	}
	a.dead = append(a.dead, in)
	return &sqs.SendMessageOutput{}, nil
}

// bench is a copier beside the account that it copies in.
type bench struct {
	*account
	*Copier
	clock   *clock.Shifted
	metrics *bytes.Buffer
}

func newBench(t *testing.T, environment map[string]string) *bench {
	t.Helper()
	whole := map[string]string{
		"COPIER_INTERMEDIATE_VAULTS": firstVault, "COPIER_FINAL_VAULTS": finalVault, "COPIER_ROLE_ARN": role,
		"COPIER_DEAD_LETTER_QUEUE_URL": "https://sqs/dead",
	}
	for name, value := range environment {
		whole["COPIER_"+name] = value
	}
	config, err := FromEnvironment(func(name string) (string, bool) { v, ok := whole[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	a := newAccount()
	b := &bench{account: a, clock: clock.NewFrozen(noon), metrics: &bytes.Buffer{}}
	b.Copier = &Copier{
		Config: config, Backup: func(name string) Backup { return region{a, name} }, Snapshots: func(name string) Snapshots { return region{a, name} }, Queue: a, Clock: b.clock,
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(b.metrics, b.clock),
	}
	return b
}

// pass lets time go by.
func (b *bench) pass(d time.Duration) {
	b.clock.Advance(d)
	b.now = b.now.Add(d)
}

// tell has the copier deal with an event.
func (b *bench) tell(t *testing.T, body string) Verdict {
	t.Helper()
	return b.Handle(t.Context(), Message{ID: "m", Body: body, Receives: 1})
}

// firstHop is the event of a first hop that has arrived, as the member's Region sends it.
func firstHop(point string) string {
	return fmt.Sprintf(`{"id":"1","source":"aws.backup","account":"111111111111","detail-type":"Copy Job State Change","resources":["arn:aws:rds:eu-central-1:111111111111:snapshot:awsbackup:job-x"],
		"detail":{"state":"COMPLETED","copyJobId":"c","resourceType":"RDS","iamRoleArn":"arn:aws:iam::111111111111:role/member","sourceBackupVaultArn":"arn:aws:backup:eu-central-1:111111111111:backup-vault:member",
		"destinationBackupVaultArn":%q,"destinationRecoveryPointArn":%q}}`, firstVault, point)
}

// secondHop is the event of a second hop that has ended.
func secondHop(j types.CopyJob) string {
	copied := "{}"
	if j.DestinationRecoveryPointArn != nil {
		copied = fmt.Sprintf("%q", *j.DestinationRecoveryPointArn)
	}
	return fmt.Sprintf(`{"id":"2","source":"aws.backup","account":"222222222222","detail-type":"Copy Job State Change","resources":[%q],
		"detail":{"state":%q,"copyJobId":%q,"resourceType":"RDS","sourceBackupVaultArn":%q,"destinationBackupVaultArn":%q,"destinationRecoveryPointArn":%s}}`,
		*j.SourceRecoveryPointArn, j.State, *j.CopyJobId, firstVault, *j.DestinationBackupVaultArn, copied)
}
