package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
)

// teller is a world in which AWS Backup tells all that it tells of: a member account, whose jobs run in home, and the backup
// account, to whose vault in north it copies.
type teller struct {
	*outage
	t                *testing.T
	g                *governor
	m, b             *party
	home, far        *mailbox // the events of the member in home, and of the backup account in north
	letters          *mailbox // the vault's notifications
	events           map[string]*tales
	notices          *tales
	bucket, volume   string
	vault, farVault  string
	point, cold      string
	closed, planned  string
	planID, policyID string
}

func newTeller(t *testing.T) *teller {
	t.Helper()
	w := &teller{outage: newOutage(t), t: t, events: map[string]*tales{}, notices: newTales(t)}
	morning(t, w.Server)
	crossAccount(t, w.Server, true)
	w.g = govern(t, w.Server, orgtypes.PolicyTypeBackupPolicy)
	w.m, w.b = enter(t, w.Server, member, home), enter(t, w.Server, vaulted, north)
	w.home, w.far, w.letters = w.m.mailbox(t, "told", "events.amazonaws.com"), w.b.mailbox(t, "told", "events.amazonaws.com"), w.m.mailbox(t, "letters", "sns.amazonaws.com")
	for _, m := range []*mailbox{w.home, w.far} {
		m.listen(t, "all", `{"source":["aws.backup"]}`)
	}
	for _, p := range []*party{w.m, w.b} {
		p.role(t, "jobs", rolePolicies...)
		p.linked(t)
	}
	key := w.m.key(t, w.b)
	w.vault = w.m.vault(t, "local-vault", key)
	w.farVault = w.b.vault(t, "far-vault", w.b.key(t), w.m)
	w.closed = w.b.vault(t, "closed-vault", w.b.key(t))
	w.bucket, w.volume = w.m.bucket(t, "told-bucket", ""), w.m.volumeARN(w.m.volume(t, key, noise(80, blockSize)))
	w.planned = w.m.bucket(t, "planned-bucket", "", "backup", "told")
	return w
}

// subscribe has all that the member's vault tells sent to the letters.
func (w *teller) subscribe() {
	w.t.Helper()
	ctx, topics := w.t.Context(), sns.NewFromConfig(w.m.config)
	topic := must(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("vaults")}))(w.t, "making a topic").TopicArn
	must(topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("Policy"), AttributeValue: policy(statement{
		"Effect": "Allow", "Principal": statement{"Service": "backup.amazonaws.com"}, "Action": "sns:Publish", "Resource": *topic,
	})}))(w.t, "opening the topic")
	must(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic, Protocol: aws.String("sqs"), Endpoint: &w.letters.arn}))(w.t, "subscribing")
	must(w.m.backup.PutBackupVaultNotifications(ctx, &backup.PutBackupVaultNotificationsInput{
		BackupVaultName: aws.String("local-vault"), SNSTopicArn: topic, BackupVaultEvents: backuptypes.BackupVaultEvent("").Values(),
	}))(w.t, "asking for notifications")
}

// hear waits until all is done, and takes what was told of it.
func (w *teller) hear() {
	w.t.Helper()
	settle(w.t, w.Server)
	w.home.told(w.t, w.events)
	w.far.told(w.t, w.events)
	for _, body := range w.letters.drain(w.t) {
		var letter struct {
			Type, TopicArn, Subject, Message string
			MessageAttributes                map[string]any
		}
		if err := json.Unmarshal([]byte(body), &letter); err != nil {
			w.t.Fatalf("not a notification: %s", body)
		}
		w.notices.add(must(json.Marshal(letter))(w.t, "writing a notification"))
	}
}

// backups come to each end that a backup job has.
func (w *teller) backups() {
	w.point = w.m.backUp(w.t, "local-vault", w.bucket)
	w.hear()
	w.m.backedUp(w.t, w.m.startBackup(w.t, "local-vault", "arn:aws:s3:::no-such-bucket"))
	w.hear()
	w.begin()
	running := w.m.startBackup(w.t, "local-vault", w.bucket)
	w.m.reaches(w.t, running, backuptypes.BackupJobStateRunning)
	late := w.m.startBackup(w.t, "local-vault", w.bucket)
	move(w.t, w.Server, server.ClockMove{Advance: 9 * time.Hour, DoNotWait: true}) // start windows are of 8 hours
	w.m.backedUp(w.t, late)
	w.m.stop(w.t, running)
	w.m.backedUp(w.t, running)
	w.end()
	w.hear()
}

func (w *teller) copies() {
	w.m.copyTo(w.t, w.point, "local-vault", w.farVault)
	w.hear()
	if end := w.m.tryCopy(w.t, w.point, "local-vault", w.closed); end.State != "FAILED" {
		w.t.Errorf("the copy into a vault that is closed to it ended with %+v", end)
	}
	w.hear()
}

func (w *teller) restores() {
	w.m.restoreBucket(w.t, w.point, "told-again")
	w.hear()
	w.m.restoreJob(w.t, w.point, w.m.metadata(w.point, "told-bucket")) // which is there, with objects
	w.hear()
}

// planRuns has a plan's rule run once, copy, be changed and go away.
func (w *teller) planRuns() {
	ctx := w.t.Context()
	rule := backuptypes.BackupRuleInput{
		Lifecycle: days(60), CopyActions: []backuptypes.CopyAction{{DestinationBackupVaultArn: &w.farVault, Lifecycle: days(90)}},
	}
	w.planID = w.m.plan(w.t, "told-plan", rule, tagged("backup", "told"))
	move(w.t, w.Server, server.ClockMove{Advance: 24 * time.Hour})
	if got := len(w.m.initiated(w.t, w.planned)); got != 1 {
		w.t.Errorf("the plan made %d jobs, want 1", got)
	}
	w.hear()
	must(w.m.backup.UpdateBackupPlan(ctx, &backup.UpdateBackupPlanInput{BackupPlanId: &w.planID, BackupPlan: &backuptypes.BackupPlanInput{
		BackupPlanName: aws.String("told-plan"), Rules: []backuptypes.BackupRuleInput{{RuleName: aws.String("rule"), TargetBackupVaultName: aws.String("local-vault")}},
	}}))(w.t, "changing the plan")
	for _, s := range w.m.selections(w.t, w.planID) {
		must(w.m.backup.DeleteBackupSelection(ctx, &backup.DeleteBackupSelectionInput{BackupPlanId: &w.planID, SelectionId: s.SelectionId}))(w.t, "deselecting")
	}
	must(w.m.backup.DeleteBackupPlan(ctx, &backup.DeleteBackupPlanInput{BackupPlanId: &w.planID}))(w.t, "deleting the plan")
	w.hear()
}

// policyRules has a policy of the organization hand a plan down to the member, change it and take it away.
func (w *teller) policyRules() {
	w.policyID = w.g.decree(w.t, "handed-down", planPolicy("Handed", 7, []string{home}), member)
	w.hear()
	w.g.amend(w.t, w.policyID, planPolicy("Handed", 8, []string{home}))
	w.hear()
	w.g.detach(w.t, w.policyID, member)
	w.hear()
}

// settings change: of the Region and of vaults.
func (w *teller) settings() {
	ctx := w.t.Context()
	must(w.m.backup.UpdateRegionSettings(ctx, &backup.UpdateRegionSettingsInput{
		ResourceTypeOptInPreference: map[string]bool{"EFS": false}, ResourceTypeManagementPreference: map[string]bool{"DynamoDB": true},
	}))(w.t, "setting the Region")
	w.m.vault(w.t, "brief-vault", "")
	brief := aws.String("brief-vault")
	must(w.m.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{BackupVaultName: brief, MinRetentionDays: aws.Int64(1)}))(w.t, "locking")
	must(w.m.backup.DeleteBackupVaultLockConfiguration(ctx, &backup.DeleteBackupVaultLockConfigurationInput{BackupVaultName: brief}))(w.t, "unlocking")
	must(w.m.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: brief}))(w.t, "deleting a vault")
	w.hear()
}

// pointsEnd has a recovery point turn cold, outlive its deletion and go.
func (w *teller) pointsEnd() {
	w.cold = w.m.backUpWith(w.t, w.volume, func(in *backup.StartBackupJobInput) {
		in.Lifecycle = &backuptypes.Lifecycle{MoveToColdStorageAfterDays: aws.Int64(30), DeleteAfterDays: aws.Int64(120), OptInToArchiveForSupportedResources: aws.Bool(true)}
	})
	w.hear()
	move(w.t, w.Server, server.ClockMove{Advance: 31 * 24 * time.Hour})
	w.m.allow(w.t, statement{"Effect": "Deny", "Action": "ec2:DeleteSnapshot", "Resource": "*"})
	remove := func() {
		w.t.Helper()
		must(w.m.backup.DeleteRecoveryPoint(w.t.Context(), &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &w.cold}))(w.t, "deleting")
	}
	remove()
	eventually(w.t.Context(), w.t, "the point expires", func() (bool, error) {
		out := w.m.point(w.t, "local-vault", w.cold)
		return out.Status == backuptypes.RecoveryPointStatusExpired, fmt.Errorf("it is %s", out.Status)
	})
	w.hear()
	w.m.allow(w.t, nil)
	must(w.m.backup.UpdateRecoveryPointLifecycle(w.t.Context(), &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &w.point, Lifecycle: days(400)}))(w.t, "changing the lifecycle")
	remove()
	eventually(w.t.Context(), w.t, "the point goes", func() (bool, error) { return w.m.gone(w.t, "local-vault", w.cold), nil })
	w.hear()
}

// TestAllThatIsTold compares every event of source aws.backup, every notification of a vault and every service event in
// CloudTrail with files, field by field: their names, types, texts, resources, accounts and Regions.
func TestAllThatIsTold(t *testing.T) {
	t.Parallel()
	w := newTeller(t)
	w.hear()
	w.subscribe()
	for _, act := range []func(){w.backups, w.copies, w.restores, w.planRuns, w.policyRules, w.settings, w.pointsEnd} {
		act()
	}
	kinds := []string{
		"Backup Job State Change", "Backup Plan State Change", "Backup Vault State Change", "Copy Job State Change",
		"Recovery Point State Change", "Region Setting State Change", "Restore Job State Change",
	}
	if diff := cmp.Diff(kinds, slices.Sorted(maps.Keys(w.events))); diff != "" {
		t.Errorf("the detail-types (-want +got):\n%s", diff)
	}
	for kind, s := range w.events {
		s.compare("events-" + strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(kind, " State Change")), " ", "-"))
	}
	w.notices.compare("notifications")
	trail := newTales(t)
	for _, name := range []string{
		"BackupJobStarted", "BackupJobCompleted", "CopyJobStarted", "CopyJobCompleted", "RestoreStarted", "RestoreCompleted", "RecoveryPointCreated", "BackupTransitionedToCold", "BackupDeleted",
		"CreateOrganizationalBackupPlan", "UpdateOrganizationalBackupPlan", "DeleteOrganizationalBackupPlan",
	} {
		w.m.serviceEvents(t, trail, name)
	}
	w.b.serviceEvents(t, trail, "RecoveryPointCreated")
	trail.compare("cloudtrail")
	if got := w.m.records(t, "PutBackupVaultNotifications"); len(got) != 1 || got[0].RequestParameters["backupVaultName"] != "local-vault" {
		t.Errorf("the records of PutBackupVaultNotifications are %+v", got)
	}
	for _, name := range []string{"CopyJobStarted", "CopyJobCompleted", "BackupJobCompleted"} {
		if got := w.b.records(t, name); len(got) > 0 {
			t.Errorf("the backup account has %s of the member's jobs: %+v", name, got)
		}
	}
}
