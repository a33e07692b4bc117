package eventsource

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/state"
)

// The event is the one of the documentation, member by member.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
func TestRecords(t *testing.T) {
	t.Parallel()
	m := state.EventSourceMapping{SourceARN: "arn:aws:sqs:us-east-2:123456789012:my-queue", Region: "us-east-2"}
	text, err := spell(recordOf(m, sqstypes.Message{
		MessageId: aws.String("059f36b4-87a3-44ab-83d2-661975830a7d"), ReceiptHandle: aws.String("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a"), Body: aws.String("Test <message>."),
		MD5OfBody: aws.String("e4e68fb7bd0e697a0ae8f1bb342846b3"), MD5OfMessageAttributes: aws.String("00484c68"),
		Attributes: map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			"a": {DataType: aws.String("String"), StringValue: aws.String("x")}, "b": {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"messageId":"059f36b4-87a3-44ab-83d2-661975830a7d","receiptHandle":"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a","body":"Test <message>.",` +
		`"attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1545082649183"},"messageAttributes":{` +
		`"a":{"stringValue":"x","stringListValues":[],"binaryListValues":[],"dataType":"String"},` +
		`"b":{"binaryValue":"AQI=","stringListValues":[],"binaryListValues":[],"dataType":"Binary"}},` +
		`"md5OfMessageAttributes":"00484c68","md5OfBody":"e4e68fb7bd0e697a0ae8f1bb342846b3","eventSource":"aws:sqs",` +
		`"eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:my-queue","awsRegion":"us-east-2"}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if payload := payloadOf([]item{{text: text}, {text: text}}); !json.Valid(payload) || !strings.HasPrefix(string(payload), `{"Records":[{`) {
		t.Errorf("the event is %s", payload)
	}
}

// What Lambda takes for a success, for a failure of some and for one of all.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func TestAnswersOfFunctions(t *testing.T) {
	t.Parallel()
	batch := []item{{id: "a"}, {id: "b"}, {id: "c"}}
	for answer, want := range map[string]string{
		`{"batchItemFailures": []}`:   "",
		`{"batchItemFailures": null}`: "",
		`{}`:                          "",
		`null`:                        "",
		``:                            "",
		`{"batchItemFailures": [{"itemIdentifier": "b"}]}`:                          "b",
		`{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}`: "b c",
		`{"batchItemFailures": [{"itemIdentifier": ""}]}`:                           "all",
		`{"batchItemFailures": [{"itemIdentifier": null}]}`:                         "all",
		`{"batchItemFailures": [{"itemIdentifier": "x"}]}`:                          "all",
		`{"batchItemFailures": [{"id": "b"}]}`:                                      "all",
		`{"batchItemFailures": "b"}`:                                                "all",
		`"done"`:                                                                    "all",
		`nonsense`:                                                                  "all",
	} {
		ids, all := failed([]byte(answer), batch)
		var names []string
		for id := range ids {
			names = append(names, id)
		}
		slices.Sort(names)
		got := strings.Join(names, " ")
		if all {
			got = "all"
		}
		if got != want {
			t.Errorf("%s: %q failed, not %q", answer, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, body string
		want          bool
	}{
		{`{"body": {"kind": ["copy"]}}`, `{"kind": "copy"}`, true},
		{`{"body": {"kind": ["copy"]}}`, `{"kind": "backup"}`, false},
		{`{"body": {"kind": ["copy"]}}`, `no JSON`, false},
		{`{"body": ["no JSON"]}`, `no JSON`, true},
		{`{"body": [{"prefix": "no"}]}`, `{"kind": "copy"}`, false},
		{`{"body": {"n": [{"numeric": [">", 5]}]}}`, `{"n": 6}`, true},
		{`{"attributes": {"MessageGroupId": ["g"]}}`, `whatever`, true},
		{`{"messageAttributes": {"a": {"stringValue": ["x"]}}}`, `whatever`, true},
		{`{"messageAttributes": {"a": {"stringValue": ["y"]}}}`, `whatever`, false},
	} {
		f, err := parseFilters([]string{c.pattern, `{"body": ["never"]}`})
		if err != nil {
			t.Fatal(err)
		}
		text, err := spell(recordOf(state.EventSourceMapping{}, sqstypes.Message{
			Body: &c.body, Attributes: map[string]string{"MessageGroupId": "g"},
			MessageAttributes: map[string]sqstypes.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("x")}},
		}))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.want(text); err != nil || got != c.want {
			t.Errorf("%s of %s: %v, %v", c.pattern, c.body, got, err)
		}
	}
}

// What is too large for one invocation goes in several, in order, and nothing gets lost.
func TestParts(t *testing.T) {
	t.Parallel()
	var batch []item
	for i := range 10 {
		batch = append(batch, item{id: string(rune('a' + i)), text: make([]byte, 1<<20)})
	}
	var ids string
	all := parts(batch)
	for _, part := range all {
		if len(payloadOf(part)) > 6<<20 {
			t.Errorf("a part of %d bytes", len(payloadOf(part)))
		}
		for _, one := range part {
			ids += one.id
		}
	}
	if ids != "abcdefghij" || len(all) != 2 {
		t.Errorf("%d parts hold %s", len(all), ids)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	queue, fifo := "arn:aws:sqs:us-east-2:123456789012:q", "arn:aws:sqs:us-east-2:123456789012:q.fifo"
	for _, c := range []struct {
		source        string
		batch, window int32
		ok            bool
	}{
		{queue, 10, 0, true}, {queue, 11, 0, false}, {queue, 11, 1, true}, {queue, 10000, 300, true}, {queue, 10001, 300, false}, {queue, 0, 0, false}, {queue, 1, 301, false},
		{fifo, 10, 0, true}, {fifo, 11, 1, false}, {fifo, 1, 1, false},
	} {
		m := state.EventSourceMapping{SourceARN: c.source}
		if err := set(&m, settings{batch: &c.batch, window: &c.window}); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
