package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/strongroomtest"
	"strongroom/internal/waittest"
)

// mailbox is a queue that services send to.
type mailbox struct {
	p   *party
	sqs *sqs.Client
	url *string
	arn string
}

// mailbox makes a queue that admits a service.
func (p *party) mailbox(t *testing.T, name, service string) *mailbox {
	t.Helper()
	m := &mailbox{p, sqs.NewFromConfig(p.config), nil, "arn:aws:sqs:" + p.region + ":" + p.id + ":" + name}
	m.url = must(m.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": *policy(statement{
		"Effect": "Allow", "Principal": statement{"Service": service}, "Action": "sqs:SendMessage", "Resource": m.arn,
		"Condition": statement{"StringEquals": statement{"aws:SourceAccount": p.id}},
	})}}))(t, "creating queue "+name).QueueUrl
	return m
}

// listen has the events of a pattern sent to a mailbox.
func (m *mailbox) listen(t *testing.T, rule, pattern string) {
	t.Helper()
	events := eventbridge.NewFromConfig(m.p.config)
	must(events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &rule, EventPattern: &pattern}))(t, "making rule "+rule)
	out := must(events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &rule, Targets: []eventtypes.Target{{Id: aws.String("1"), Arn: &m.arn}}}))(t, "naming the target")
	if out.FailedEntryCount > 0 {
		t.Fatalf("the target of rule %s: %+v", rule, out.FailedEntries)
	}
}

// receive takes the next message, and waits for it.
func (m *mailbox) receive(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(patience()); time.Now().Before(deadline); {
		got := must(m.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: m.url, WaitTimeSeconds: 10}))(t, "receiving")
		if len(got.Messages) > 0 {
			must(m.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: m.url, ReceiptHandle: got.Messages[0].ReceiptHandle}))(t, "deleting a message")
			return *got.Messages[0].Body
		}
	}
	waittest.InVain()
	t.Fatalf("no message came to %s", m.arn)
	return ""
}

// empty reports what is in the mailbox although nothing should be.
func (m *mailbox) empty(t *testing.T) {
	t.Helper()
	got := must(m.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: m.url}))(t, "receiving")
	for _, message := range got.Messages {
		t.Errorf("%s has %s", m.arn, *message.Body)
	}
}

// told is an event as EventBridge sends it.
type told struct {
	Version, ID, Source, Account, Time, Region string
	DetailType                                 string `json:"detail-type"`
	Resources                                  []string
	Detail                                     map[string]any
}

// events takes n events.
func (m *mailbox) events(t *testing.T, n int) []told {
	t.Helper()
	var all []told
	for range n {
		var e told
		if body := m.receive(t); json.Unmarshal([]byte(body), &e) != nil {
			t.Fatalf("not an event: %s", body)
		}
		if e.Version != "0" || e.ID == "" || e.Time == "" || e.Account != m.p.id || e.Region != m.p.region {
			t.Errorf("the envelope is %+v", e)
		}
		all = append(all, e)
	}
	return all
}

// summary is an event in a line: its type, its resources and the fields of its detail. Times, which are checked to be
// times, and numbers of bytes stand for themselves.
func (e told) summary(t *testing.T) string {
	t.Helper()
	for name, value := range e.Detail {
		text, _ := value.(string)
		switch name {
		case "creationDate", "completionDate", "startBy", "modifiedAt", "deletionDate":
			if _, err := time.Parse(time.RFC3339, text); err != nil {
				t.Errorf("%s of a %s is %v", name, e.DetailType, value)
			}
			e.Detail[name] = "date"
		case "backupSizeInBytes", "bytesTransferred":
			if text == "0" || value == 0.0 {
				e.Detail[name] = "none"
			} else {
				e.Detail[name] = map[bool]string{true: "text", false: "number"}[text != ""]
			}
		}
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		t.Fatal(err)
	}
	return e.DetailType + " [" + strings.Join(e.Resources, " ") + "] " + string(detail)
}

func compare(t *testing.T, events []told, want ...string) {
	t.Helper()
	var got []string
	for _, e := range events {
		got = append(got, e.summary(t))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the events (-want +got):\n%s", diff)
	}
}

// TestBackupEvents follows a backup, a copy and a restore, and the end of a recovery point, in a queue.
func TestBackupEvents(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p, far := enter(t, s, member, home), enter(t, s, member, north)
	jobs, points, settings, copies := p.mailbox(t, "jobs", "events.amazonaws.com"), p.mailbox(t, "points", "events.amazonaws.com"), p.mailbox(t, "settings", "events.amazonaws.com"), far.mailbox(t, "copies", "events.amazonaws.com")
	jobs.listen(t, "jobs", `{"source":["aws.backup"],"detail-type":["Backup Job State Change","Copy Job State Change","Restore Job State Change"]}`)
	points.listen(t, "points", `{"source":["aws.backup"],"detail-type":["Recovery Point State Change"],"detail":{"status":[{"anything-but":"CREATING"}]}}`)
	settings.listen(t, "settings", `{"source":["aws.backup"],"detail-type":["Backup Vault State Change","Backup Plan State Change","Region Setting State Change"]}`)
	copies.listen(t, "copies", `{"source":["aws.backup"]}`)

	role := p.role(t, "jobs", rolePolicies...)
	vault := p.vault(t, "local-vault", p.key(t))
	other := far.vault(t, "far-vault", far.key(t))
	bucket := p.bucket(t, "told-bucket", "")
	compare(t, settings.events(t, 1), `Backup Vault State Change [`+vault+`] {"backupVaultName":"local-vault","state":"CREATED"}`)
	compare(t, copies.events(t, 1), `Backup Vault State Change [`+other+`] {"backupVaultName":"far-vault","state":"CREATED"}`)

	job := p.startBackup(t, "local-vault", bucket)
	point := aws.ToString(p.backedUp(t, job).RecoveryPointArn)
	about := `"iamRoleArn":"` + role + `",`
	of := `"resourceArn":"` + bucket + `","resourceType":"S3",`
	compare(t, jobs.events(t, 3),
		`Backup Job State Change [] {"backupJobId":"`+job+`","creationDate":"date","state":"CREATED"}`,
		`Backup Job State Change [] {"backupJobId":"`+job+`","backupVaultArn":"`+vault+`","backupVaultName":"local-vault","bytesTransferred":"none","creationDate":"date",`+about+`"percentDone":0,`+of+`"startBy":"date","state":"RUNNING"}`,
		`Backup Job State Change [`+point+`] {"backupJobId":"`+job+`","backupSizeInBytes":"text","backupVaultArn":"`+vault+`","backupVaultName":"local-vault","bytesTransferred":"text","completionDate":"date","creationDate":"date",`+about+`"percentDone":100,`+of+`"retryCount":0,"startBy":"date","state":"COMPLETED"}`,
	)
	made := `"backupVaultArn":"` + vault + `","backupVaultName":"local-vault","completionDate":"date","creationDate":"date",` + about + `"isEncrypted":"true",` + of
	compare(t, points.events(t, 1), `Recovery Point State Change [`+point+`] {`+made+`"status":"COMPLETED","storageClass":"WARM"}`)

	copied := must(p.backup.StartCopyJob(ctx, &backup.StartCopyJobInput{
		RecoveryPointArn: &point, SourceBackupVaultName: aws.String("local-vault"), DestinationBackupVaultArn: &other, IamRoleArn: &role, Lifecycle: days(30),
	}))(t, "starting a copy")
	vaults := `"sourceBackupVaultArn":"` + vault + `","state":`
	begun := jobs.events(t, 3)
	there, _ := begun[2].Detail["destinationRecoveryPointArn"].(string)
	known := `"copyJobId":"` + *copied.CopyJobId + `","creationDate":"date","destinationBackupVaultArn":"` + other + `","destinationRecoveryPointArn":`
	compare(t, begun,
		`Copy Job State Change [`+point+`] {"creationDate":"date","destinationBackupVaultArn":"`+other+`",`+vaults+`"CREATED"}`,
		`Copy Job State Change [`+point+`] {"backupSizeInBytes":"number",`+known+`{},`+about+of+vaults+`"RUNNING"}`,
		`Copy Job State Change [`+point+`] {"backupSizeInBytes":"number","completionDate":"date",`+known+`"`+there+`",`+about+of+vaults+`"COMPLETED"}`,
	)
	arrived := copies.events(t, 1)[0]
	if diff := cmp.Diff([]string{there}, arrived.Resources); diff != "" || there == "" {
		t.Errorf("the copy's event is of (-want +got):\n%s", diff)
	}
	if l, _ := json.Marshal(arrived.Detail["lifecycle"]); string(l) != `{"deleteAfterDays":30}` || arrived.Detail["calculatedLifeCycle"].(map[string]any)["deleteAt"] == nil {
		t.Errorf("the copy's event says %v", arrived.Detail)
	}

	p.restoreBucket(t, point, "told-again")
	restores := jobs.events(t, 4)
	var states []any
	for _, e := range restores {
		states = append(states, e.Detail["state"], e.Detail["status"])
		if e.DetailType != "Restore Job State Change" || !slices.Equal(e.Resources, []string{point}) {
			t.Errorf("a restore is told of as %+v", e)
		}
	}
	if diff := cmp.Diff([]any{"CREATED", nil, nil, "PENDING", nil, "RUNNING", nil, "COMPLETED"}, states); diff != "" {
		t.Errorf("the restore's events (-want +got):\n%s", diff)
	}
	if got := restores[3].Detail["createdResourceArn"]; got != "arn:aws:s3:::told-again" {
		t.Errorf("the restore made %v", got)
	}

	// A job that fails says why, in one more pair of quotation marks.
	failed := p.startBackup(t, "local-vault", "arn:aws:s3:::no-such-bucket")
	why := aws.ToString(p.backedUp(t, failed).StatusMessage)
	for _, e := range jobs.events(t, 3) {
		if e.Detail["state"] == "FAILED" && e.Detail["statusMessage"] != `"`+why+`"` {
			t.Errorf("the failed job is told of as %v, and it failed for %s", e.Detail, why)
		}
	}

	must(p.backup.DeleteRecoveryPoint(ctx, &backup.DeleteRecoveryPointInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &point}))(t, "deleting the point")
	compare(t, points.events(t, 1), `Recovery Point State Change [`+point+`] {`+made+`"status":"DELETING","storageClass":"WARM"}`)

	plan := p.plan(t, "told-plan", backuptypes.BackupRuleInput{})
	must(p.backup.DeleteBackupPlan(ctx, &backup.DeleteBackupPlanInput{BackupPlanId: &plan}))(t, "deleting the plan")
	must(p.backup.PutBackupVaultLockConfiguration(ctx, &backup.PutBackupVaultLockConfigurationInput{BackupVaultName: aws.String("local-vault"), MinRetentionDays: aws.Int64(1)}))(t, "locking")
	must(p.backup.UpdateRegionSettings(ctx, &backup.UpdateRegionSettingsInput{ResourceTypeOptInPreference: map[string]bool{"EFS": false}}))(t, "opting out")
	p.vault(t, "brief-vault", "")
	must(p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: aws.String("brief-vault")}))(t, "deleting a vault")
	planned := settings.events(t, 2)
	version, _ := planned[0].Detail["versionId"].(string)
	compare(t, append(planned, settings.events(t, 4)...),
		`Backup Plan State Change [arn:aws:backup:`+home+`:`+member+`:backup-plan:`+plan+`] {"backupPlanId":"`+plan+`","creationDate":"date","state":"CREATED","versionId":"`+version+`"}`,
		`Backup Plan State Change [arn:aws:backup:`+home+`:`+member+`:backup-plan:`+plan+`] {"backupPlanId":"`+plan+`","deletionDate":"date","state":"DELETED","versionId":"`+version+`"}`,
		`Backup Vault State Change [`+vault+`] {"backupVaultName":"local-vault","isLocked":"true","state":"MODIFIED"}`,
		`Region Setting State Change [] {"ResourceTypeOptInPreference":{"EFS":false},"modifiedAt":"date","state":"MODIFIED"}`,
		`Backup Vault State Change [`+p.vaultARN("brief-vault")+`] {"backupVaultName":"brief-vault","state":"CREATED"}`,
		`Backup Vault State Change [`+p.vaultARN("brief-vault")+`] {"backupVaultName":"brief-vault","state":"DELETED"}`,
	)
}

// TestVaultNotifications: what a vault's owner asked to hear reaches a queue through the topic, if the topic's policy
// admits AWS Backup for the vault; if it does not, nothing comes, and the jobs know nothing of it.
func TestVaultNotifications(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p := enter(t, s, member, home)
	topics := sns.NewFromConfig(p.config)
	letters := p.mailbox(t, "letters", "sns.amazonaws.com")
	topic := *must(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("vaults")}))(t, "making a topic").TopicArn
	must(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &letters.arn}))(t, "subscribing")
	p.role(t, "jobs", rolePolicies...)
	vault := p.vault(t, "local-vault", "")
	must(p.backup.PutBackupVaultNotifications(ctx, &backup.PutBackupVaultNotificationsInput{
		BackupVaultName: aws.String("local-vault"), SNSTopicArn: &topic,
		BackupVaultEvents: []backuptypes.BackupVaultEvent{"BACKUP_JOB_COMPLETED", "RECOVERY_POINT_MODIFIED"},
	}))(t, "asking for notifications")
	bucket := p.bucket(t, "loud-bucket", "")

	p.backUp(t, "local-vault", bucket) // the topic's own policy admits its account alone
	settle(t, s)                       // it is asked when a notification is delivered
	admit := func(vault string) {
		t.Helper()
		must(topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: policy(statement{
			"Effect": "Allow", "Principal": statement{"Service": "backup.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic,
			"Condition": statement{"ArnEquals": statement{"aws:SourceArn": vault}, "StringEquals": statement{"aws:SourceAccount": p.id}},
		})}))(t, "opening the topic")
	}
	admit(p.vaultARN("another-vault"))
	p.backUp(t, "local-vault", bucket)
	settle(t, s)
	letters.empty(t)

	admit(vault)
	point := p.backUp(t, "local-vault", bucket)
	var letter struct {
		Type, TopicArn, Subject, Message string
		MessageAttributes                map[string]struct{ Type, Value string }
	}
	read := func() {
		t.Helper()
		if body := letters.receive(t); json.Unmarshal([]byte(body), &letter) != nil {
			t.Fatalf("not a notification: %s", body)
		}
	}
	read()
	job := letter.MessageAttributes["Id"].Value
	want := "An AWS Backup job was completed successfully. Recovery point ARN: " + point + " Resource ARN : " + bucket + " BackupJob ID : " + job
	if letter.Message != want || letter.Subject != "Notification from AWS Backup" || letter.TopicArn != topic {
		t.Errorf("the notification is %+v, want the message %s", letter, want)
	}
	for name, value := range map[string]string{"EventType": "BACKUP_JOB", "State": "COMPLETED", "AccountId": member} {
		if a := letter.MessageAttributes[name]; a.Type != "String" || a.Value != value {
			t.Errorf("%s is %+v, want %s", name, a, value)
		}
	}
	must(p.backup.UpdateRecoveryPointLifecycle(ctx, &backup.UpdateRecoveryPointLifecycleInput{BackupVaultName: aws.String("local-vault"), RecoveryPointArn: &point, Lifecycle: days(40)}))(t, "changing the lifecycle")
	if read(); letter.MessageAttributes["EventType"].Value != "RECOVERY_POINT" || !strings.Contains(letter.Message, point) {
		t.Errorf("the changed lifecycle is told of as %+v", letter)
	}
	letters.empty(t)
}

// TestObjectEvents: a bucket tells EventBridge, a queue and a topic of its objects.
func TestObjectEvents(t *testing.T) {
	t.Parallel()
	s, ctx := strongroomtest.New(t), t.Context()
	p := enter(t, s, member, home)
	events, queue, letters := p.mailbox(t, "events", "events.amazonaws.com"), p.mailbox(t, "objects", "s3.amazonaws.com"), p.mailbox(t, "letters", "sns.amazonaws.com")
	closed := p.mailbox(t, "closed", "sns.amazonaws.com")
	events.listen(t, "objects", `{"source":["aws.s3"],"detail-type":["Object Created"],"detail":{"bucket":{"name":["told-bucket"]},"object":{"key":[{"prefix":"in/"}]}}}`)
	topics := sns.NewFromConfig(p.config)
	topic := *must(topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("objects")}))(t, "making a topic").TopicArn
	must(topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: policy(statement{
		"Effect": "Allow", "Principal": statement{"Service": "s3.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic,
		"Condition": statement{"ArnLike": statement{"aws:SourceArn": "arn:aws:s3:::told-bucket"}},
	})}))(t, "opening the topic")
	must(topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &letters.arn, Attributes: map[string]string{"RawMessageDelivery": "true"}}))(t, "subscribing")
	p.bucket(t, "told-bucket", "")
	configure := func(queue string) error {
		_, err := p.s3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{Bucket: aws.String("told-bucket"), NotificationConfiguration: &s3types.NotificationConfiguration{
			EventBridgeConfiguration: &s3types.EventBridgeConfiguration{},
			QueueConfigurations:      []s3types.QueueConfiguration{{QueueArn: &queue, Events: []s3types.Event{"s3:ObjectCreated:*"}}},
			TopicConfigurations:      []s3types.TopicConfiguration{{TopicArn: &topic, Events: []s3types.Event{"s3:ObjectRemoved:*"}}},
		}})
		return err
	}
	refused(t, configure(closed.arn), "InvalidArgument", 400, "Unable to validate the following destination configurations")
	if err := configure(queue.arn); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*mailbox{queue, letters} {
		if body := m.receive(t); !strings.Contains(body, "s3:TestEvent") {
			t.Errorf("the test event is %s", body)
		}
	}
	p.put(t, "told-bucket", "out/of-it", []byte("x"))
	p.put(t, "told-bucket", "in/it", []byte("hello"))
	e := events.events(t, 1)[0]
	object, _ := e.Detail["object"].(map[string]any)
	if e.Source != "aws.s3" || !slices.Equal(e.Resources, []string{"arn:aws:s3:::told-bucket"}) || object["key"] != "in/it" || object["size"] != 5.0 ||
		object["version-id"] == nil || e.Detail["reason"] != "PutObject" || e.Detail["requester"] != member {
		t.Errorf("the event is %+v", e)
	}
	for _, key := range []string{"out/of-it", "in/it"} {
		if body := queue.receive(t); !strings.Contains(body, `"eventName":"ObjectCreated:Put"`) || !strings.Contains(body, `"key":"`+key+`"`) {
			t.Errorf("the queue has %s", body)
		}
	}
	must(p.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("told-bucket"), Key: aws.String("in/it")}))(t, "deleting")
	if body := letters.receive(t); !strings.Contains(body, `"eventName":"ObjectRemoved:DeleteMarkerCreated"`) {
		t.Errorf("the topic's queue has %s", body)
	}
	events.empty(t)
	queue.empty(t)
}
