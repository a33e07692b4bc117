package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"strongroom/internal/server"
)

// TestCopierAsAFunction deploys the archive that make lambda makes, with the policies, the event pattern and the queue's policy of
// the examples, as docs/copier.md does: a copy arrives in the backup account, and by rule, queue and function in the final vault.
// What no event told of, the function finds by its schedule.
func TestCopierAsAFunction(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "copier.zip")
	packCopier(t, archive)
	code, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	w := newSolution(t)
	ctx := t.Context()
	queue, dead := w.queue, w.dead
	must(queue.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: queue.url, Attributes: map[string]string{
		"Policy": copierExample(t, "queue.json"), "VisibilityTimeout": "720",
		"RedrivePolicy": `{"deadLetterTargetArn":"` + dead.arn + `","maxReceiveCount":"50"}`,
	}}))(t, "setting the queue's policy")

	missed := w.fresh("S3") // before there is a rule
	role := must(w.b.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("copier"), AssumeRolePolicyDocument: aws.String(copierExample(t, "trust.json"))}))(t, "making the function's role").Role.Arn
	for name, document := range map[string]string{
		"hops": example(t, "copier.json"), "settle": example(t, "copier-settle.json"), "queue": example(t, "copier-queue.json"), "function": copierExample(t, "function.json"),
	} {
		must(w.b.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("copier"), PolicyName: &name, PolicyDocument: &document}))(t, "allowing the function "+name)
	}
	functions := lambda.NewFromConfig(w.second.config)
	function := must(functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("strongroom-copier"), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: role,
		Code: &lambdatypes.FunctionCode{ZipFile: code}, Timeout: aws.Int32(120), MemorySize: aws.Int32(256),
		Environment: &lambdatypes.Environment{Variables: map[string]string{
			"COPIER_INTERMEDIATE_VAULTS": w.second.vaultARN("second-vault"), "COPIER_FINAL_VAULTS": w.b.vaultARN("backup-vault"), "COPIER_ROLE_ARN": w.b.jobRoleARN(),
			"COPIER_TYPES": "S3,EBS,RDS", "COPIER_TAGS": "*", "COPIER_QUEUE_URL": *queue.url, "COPIER_DEAD_LETTER_QUEUE_URL": *dead.url,
		}},
	}))(t, "making the function")
	must(functions.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: function.FunctionName, EventSourceArn: &queue.arn, BatchSize: aws.Int32(10),
		FunctionResponseTypes: []lambdatypes.FunctionResponseType{lambdatypes.FunctionResponseTypeReportBatchItemFailures},
	}))(t, "mapping the queue")
	queue.listen(t, "second-hop", copierExample(t, "pattern.json"))

	w.arrives(w.fresh("S3"))
	w.arrives(w.fresh("EBS"))
	w.arrives(w.fresh("RDS"))
	if jobs := w.hopsFrom(missed); len(jobs) != 0 {
		t.Errorf("what no event told of was copied on: %+v", jobs)
	}

	if err := queue.say(t, "no event at all"); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, "the dead letter", func() (bool, error) {
		got, err := dead.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: dead.url, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"}})
		if err != nil || len(got.Messages) == 0 {
			return false, err
		}
		if reason := got.Messages[0].MessageAttributes["Reason"]; aws.ToString(reason.StringValue) != "not an event" || *got.Messages[0].Body != "no event at all" {
			t.Errorf("the dead letter is %+v", got.Messages[0])
		}
		return true, nil
	})

	events := eventbridge.NewFromConfig(w.second.config)
	rule := must(events.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("second-hop-reconcile"), ScheduleExpression: aws.String("rate(1 hour)")}))(t, "making the schedule")
	must(functions.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: function.FunctionName, StatementId: aws.String("reconcile"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"), SourceArn: rule.RuleArn,
	}))(t, "admitting the schedule")
	must(events.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("second-hop-reconcile"), Targets: []eventtypes.Target{{Id: aws.String("function"), Arn: function.FunctionArn}}}))(t, "naming the target")
	move(t, w.s, server.ClockMove{Advance: 2 * time.Hour})
	w.arrives(missed)
	w.metrics()
}

// packCopier makes the archive of the function.
func packCopier(t *testing.T, archive string) {
	t.Helper()
	build := exec.Command("../scripts/lambda.sh", archive)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("packing the function: %v\n%s", err, out)
	}
}

func copierExample(t *testing.T, file string) string {
	t.Helper()
	return string(must(os.ReadFile(filepath.Join("..", "examples", "copier", file)))(t, "reading an example"))
}

// say puts a message into the mailbox.
func (m *mailbox) say(t *testing.T, body string) error {
	_, err := m.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: m.url, MessageBody: &body})
	return err
}

// hopsFrom are the copy jobs from a recovery point in the backup account.
func (w *solution) hopsFrom(point string) []backuptypes.CopyJob {
	return must(w.second.backup.ListCopyJobs(w.t.Context(), &backup.ListCopyJobsInput{BySourceRecoveryPointArn: &point, ByDestinationVaultArn: aws.String(w.b.vaultARN("backup-vault"))}))(w.t, "listing second hops").CopyJobs
}

// arrives waits until a recovery point was copied on, once.
func (w *solution) arrives(point string) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the function's log:\n%s", strings.Join(w.lines(), "\n"))
		}
	}()
	eventually(w.t.Context(), w.t, "the second hop of "+point, func() (bool, error) {
		jobs := w.hopsFrom(point)
		if len(jobs) != 1 {
			return false, fmt.Errorf("%d jobs", len(jobs))
		}
		if jobs[0].State == backuptypes.CopyJobStateFailed {
			w.t.Fatalf("the second hop failed: %s", aws.ToString(jobs[0].StatusMessage))
		}
		return jobs[0].State == backuptypes.CopyJobStateCompleted, fmt.Errorf("it is %s", jobs[0].State)
	})
}

// lines are those that the function has logged.
func (w *solution) lines() (all []string) {
	client := cloudwatchlogs.NewFromConfig(w.second.config)
	out, err := client.FilterLogEvents(w.t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/strongroom-copier")})
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range out.Events {
		all = append(all, strings.TrimSpace(*e.Message))
	}
	return all
}

// metrics checks that the function's log has metrics as CloudWatch reads them.
func (w *solution) metrics() {
	w.t.Helper()
	eventually(w.t.Context(), w.t, "the metrics in the log", func() (bool, error) {
		started := 0.0
		for _, line := range w.lines() {
			var m struct {
				AWS         map[string]any `json:"_aws"`
				HopsStarted float64
			}
			if json.Unmarshal([]byte(line), &m) == nil && m.AWS != nil {
				started += m.HopsStarted
			}
		}
		return started >= 4, errors.New("the log tells of " + fmt.Sprint(started) + " hops")
	})
}
