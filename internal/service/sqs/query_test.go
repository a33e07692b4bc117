package sqs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// form calls an operation as clients did before SQS spoke JSON, and returns the status and the answer.
func (b *bench) form(t *testing.T, path, action string, parameters ...string) (int, string) {
	t.Helper()
	values := url.Values{"Action": {action}, "Version": {"2012-11-05"}}
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	body := []byte(values.Encode())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.Endpoint()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials, err := b.AWS(t, "member", region).Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "sqs", region, time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func TestOlderClientsSpeakForms(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	status, text := b.form(t, "/", "CreateQueue", "QueueName", "old", "Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", "77", "Tag.1.Key", "team", "Tag.1.Value", "blue")
	var created struct {
		URL string `xml:"CreateQueueResult>QueueUrl"`
		ID  string `xml:"ResponseMetadata>RequestId"`
	}
	if err := xml.Unmarshal([]byte(text), &created); err != nil || status != http.StatusOK || created.ID == "" || !strings.HasSuffix(created.URL, "/111111111111/old") ||
		!strings.Contains(text, `<CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">`) {
		t.Fatalf("making a queue: %d %s", status, text)
	}
	if timeout := b.attribute(t, &created.URL, "VisibilityTimeout"); timeout != "77" {
		t.Errorf("its visibility timeout is %s", timeout)
	}
	if _, text = b.form(t, "/", "ListQueues"); !strings.Contains(text, "<ListQueuesResult><QueueUrl>"+created.URL+"</QueueUrl></ListQueuesResult>") {
		t.Errorf("the list: %s", text)
	}
	path := "/111111111111/old" // requests go to the queue
	status, text = b.form(t, path, "SendMessage", "MessageBody", "hello", "MessageAttribute.1.Name", "a", "MessageAttribute.1.Value.DataType", "String", "MessageAttribute.1.Value.StringValue", "x")
	if status != http.StatusOK || !strings.Contains(text, "<MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>") {
		t.Errorf("sending: %d %s", status, text)
	}
	status, text = b.form(t, path, "SendMessageBatch", "SendMessageBatchRequestEntry.1.Id", "one", "SendMessageBatchRequestEntry.1.MessageBody", "1",
		"SendMessageBatchRequestEntry.2.Id", "two", "SendMessageBatchRequestEntry.2.MessageBody", "2", "SendMessageBatchRequestEntry.2.DelaySeconds", "901")
	if status != http.StatusOK || !strings.Contains(text, "<SendMessageBatchResultEntry><Id>one</Id>") || !strings.Contains(text, "<BatchResultErrorEntry><Code>InvalidParameterValue</Code><Id>two</Id>") {
		t.Errorf("sending two: %d %s", status, text)
	}
	status, text = b.form(t, path, "ReceiveMessage", "MaxNumberOfMessages", "10", "AttributeName.1", "All", "MessageAttributeName.1", "All")
	var received struct {
		Messages []struct {
			Body          string
			MD5OfBody     string
			ReceiptHandle string
			Attribute     []struct{ Name, Value string }
			Message       []struct {
				Name  string
				Value struct{ StringValue, DataType string }
			} `xml:"MessageAttribute"`
		} `xml:"ReceiveMessageResult>Message"`
	}
	if err := xml.Unmarshal([]byte(text), &received); err != nil || status != http.StatusOK || len(received.Messages) != 2 {
		t.Fatalf("receiving: %d %s", status, text)
	}
	first := received.Messages[0]
	if first.Body != "hello" || first.MD5OfBody == "" || len(first.Attribute) < 4 || len(first.Message) != 1 || first.Message[0].Name != "a" || first.Message[0].Value.StringValue != "x" {
		t.Errorf("the first message is %+v", first)
	}
	var deletes []string
	for i, m := range received.Messages {
		deletes = append(deletes, fmt.Sprintf("DeleteMessageBatchRequestEntry.%d.Id", i+1), fmt.Sprint(i), fmt.Sprintf("DeleteMessageBatchRequestEntry.%d.ReceiptHandle", i+1), m.ReceiptHandle)
	}
	if status, text = b.form(t, path, "DeleteMessageBatch", deletes...); status != http.StatusOK || strings.Count(text, "<DeleteMessageBatchResultEntry>") != 2 {
		t.Errorf("deleting: %d %s", status, text)
	}
	status, text = b.form(t, path, "GetQueueAttributes", "AttributeName.1", "ApproximateNumberOfMessages", "AttributeName.2", "ApproximateNumberOfMessagesNotVisible")
	if status != http.StatusOK || strings.Count(text, "<Value>0</Value>") != 2 || !strings.Contains(text, "<Attribute><Name>ApproximateNumberOfMessages</Name>") {
		t.Errorf("its attributes: %d %s", status, text)
	}
	for action, code := range map[string]string{"GetQueueUrl": "AWS.SimpleQueueService.NonExistentQueue", "Nonsense": "InvalidAction"} {
		status, text = b.form(t, "/", action, "QueueName", "none")
		if status != http.StatusBadRequest || !strings.Contains(text, "<Error><Type>Sender</Type><Code>"+code+"</Code>") {
			t.Errorf("%s: %d %s", action, status, text)
		}
	}
	if status, text = b.form(t, path, "SendMessage"); status != http.StatusBadRequest || !strings.Contains(text, "<Code>MissingParameter</Code>") {
		t.Errorf("sending nothing: %d %s", status, text)
	}
}
