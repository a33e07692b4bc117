package s3_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
)

const queueARN = "arn:aws:sqs:eu-central-1:111111111111:queue"

func notify(t *testing.T, w *s3test.World, n *types.NotificationConfiguration) {
	t.Helper()
	s3test.Do[s3.PutBucketNotificationConfigurationOutput](t, w, admin, &s3.PutBucketNotificationConfigurationInput{Bucket: ptr("bucket"), NotificationConfiguration: n})
}

// records are the events of messages: names, keys and configurations.
func records(t *testing.T, messages []s3MessageBody) (all []string) {
	t.Helper()
	for _, m := range messages {
		for _, r := range m.Records {
			all = append(all, r.EventName+" "+r.S3.Object.Key+" "+r.S3.ConfigurationID)
		}
	}
	return all
}

// s3MessageBody is what this test reads of a notification.
type s3MessageBody struct {
	Event   string
	Records []struct {
		EventName, EventSource, AwsRegion string
		S3                                struct {
			ConfigurationID string `json:"configurationId"`
			Bucket          struct{ Name, ARN string }
			Object          struct {
				Key, ETag, VersionID, Sequencer string
				Size                            int64
			}
		}
	}
}

func bodies(t *testing.T, w *s3test.World) (all []s3MessageBody) {
	t.Helper()
	_, messages := w.Told()
	for _, m := range messages {
		var body s3MessageBody
		if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
			t.Fatalf("%s: %v", m.Body, err)
		}
		all = append(all, body)
	}
	return all
}

func TestEventBridgeIsTold(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", true)
	w.Put(t, admin, "bucket", "before", "x")
	notify(t, w, &types.NotificationConfiguration{EventBridgeConfiguration: &types.EventBridgeConfiguration{}})
	b, key := ptr("bucket"), ptr("a b/ü")

	version := w.Put(t, admin, "bucket", *key, "content")
	s3test.Do[s3.CopyObjectOutput](t, w, admin, &s3.CopyObjectInput{Bucket: b, Key: ptr("copy"), CopySource: ptr("bucket/before")})
	s3test.Do[s3.PutObjectTaggingOutput](t, w, admin, &s3.PutObjectTaggingInput{Bucket: b, Key: key, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("k"), Value: ptr("v")}}}})
	s3test.Do[s3.DeleteObjectTaggingOutput](t, w, admin, &s3.DeleteObjectTaggingInput{Bucket: b, Key: key})
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: b, Key: key})
	s3test.Do[s3.DeleteObjectsOutput](t, w, admin, &s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: key, VersionId: &version}}}})
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: b, Key: key, VersionId: ptr("null")}) // deletes nothing
	upload := s3test.Do[s3.CreateMultipartUploadOutput](t, w, admin, &s3.CreateMultipartUploadInput{Bucket: b, Key: ptr("big")})
	part := s3test.Do[s3.UploadPartOutput](t, w, admin, &s3.UploadPartInput{Bucket: b, Key: ptr("big"), UploadId: upload.UploadId, PartNumber: ptr(int32(1)), Body: strings.NewReader("part")})
	s3test.Do[s3.CompleteMultipartUploadOutput](t, w, admin, &s3.CompleteMultipartUploadInput{Bucket: b, Key: ptr("big"), UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: part.ETag, PartNumber: ptr(int32(1))}}}})

	events, _ := w.Told()
	var got []string
	for _, e := range events {
		object := e.Detail["object"].(map[string]any)
		text := e.DetailType + ": " + object["key"].(string)
		for _, name := range []string{"reason", "deletion-type"} {
			if value, ok := e.Detail[name].(string); ok {
				text += ", " + value
			}
		}
		got = append(got, text)
		if e.AccountID != s3test.Member || e.Region != s3test.Central || e.BucketARN != "arn:aws:s3:::bucket" || e.Detail["requester"] != s3test.Member || object["version-id"] == nil {
			t.Errorf("event %+v", e)
		}
	}
	want := []string{
		"Object Created: a b/ü, PutObject", "Object Created: copy, CopyObject", "Object Tags Added: a b/ü", "Object Tags Deleted: a b/ü",
		"Object Deleted: a b/ü, DeleteObject, Delete Marker Created", "Object Deleted: a b/ü, DeleteObject, Permanently Deleted", "Object Created: big, CompleteMultipartUpload",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if object := events[0].Detail["object"].(map[string]any); object["size"] != int64(7) || object["etag"] == "" || object["version-id"] != version {
		t.Errorf("the new object is told as %v", object)
	}

	rules(t, w, "bucket", types.LifecycleRule{Expiration: &types.LifecycleExpiration{Days: ptr(int32(1))}})
	pass(t, w, 1)
	events, _ = w.Told()
	if len(events) == 0 || events[0].Detail["reason"] != "Lifecycle Expiration" || events[0].Detail["requester"] != "s3.amazonaws.com" {
		t.Errorf("of what expired EventBridge is told %+v", events)
	}
	notify(t, w, &types.NotificationConfiguration{})
	w.Put(t, admin, "bucket", "after", "x")
	if events, _ := w.Told(); len(events) > 0 {
		t.Errorf("told without a configuration: %v", events)
	}
}

func TestQueuesAreTold(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	notify(t, w, &types.NotificationConfiguration{QueueConfigurations: []types.QueueConfiguration{
		{Id: ptr("images"), QueueArn: ptr(queueARN), Events: []types.Event{"s3:ObjectCreated:*"}, Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{
			FilterRules: []types.FilterRule{{Name: "Prefix", Value: ptr("img/")}, {Name: "suffix", Value: ptr(".jpg")}},
		}}},
		{Id: ptr("removed"), QueueArn: ptr(queueARN), Events: []types.Event{"s3:ObjectRemoved:Delete"}},
	}})
	if tests := bodies(t, w); len(tests) != 2 || tests[0].Event != "s3:TestEvent" {
		t.Errorf("the test events are %v", tests)
	}
	w.Put(t, admin, "bucket", "img/a b.jpg", "x")
	w.Put(t, admin, "bucket", "img/a.png", "x")
	w.Put(t, admin, "bucket", "other/a.jpg", "x")
	s3test.Do[s3.DeleteObjectOutput](t, w, admin, &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("img/a.png")})
	told := bodies(t, w)
	if diff := cmp.Diff([]string{"ObjectCreated:Put img/a+b.jpg images", "ObjectRemoved:Delete img/a.png removed"}, records(t, told)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if r := told[0].Records[0]; r.EventSource != "aws:s3" || r.AwsRegion != s3test.Central || r.S3.Bucket.ARN != "arn:aws:s3:::bucket" || r.S3.Object.Size != 1 || r.S3.Object.Sequencer == "" {
		t.Errorf("record %+v", r)
	}
	out := s3test.Do[s3.GetBucketNotificationConfigurationOutput](t, w, admin, &s3.GetBucketNotificationConfigurationInput{Bucket: ptr("bucket")})
	if len(out.QueueConfigurations) != 2 || *out.QueueConfigurations[0].Filter.Key.FilterRules[1].Value != ".jpg" {
		t.Errorf("configuration %+v", out)
	}
}

func TestNotificationsRefused(t *testing.T) {
	t.Parallel()
	w := s3test.New(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	w.Unreachable = "arn:aws:sqs:eu-central-1:111111111111:gone"
	queue := func(target string, events ...types.Event) types.QueueConfiguration {
		return types.QueueConfiguration{QueueArn: &target, Events: events}
	}
	prefixed := queue(queueARN, "s3:ObjectCreated:Put")
	prefixed.Filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "prefix", Value: ptr("a")}}}}
	for name, each := range map[string]struct {
		queues []types.QueueConfiguration
		code   string
	}{
		"an unknown event":      {[]types.QueueConfiguration{queue(queueARN, "s3:ObjectEaten:*")}, "InvalidArgument"},
		"no event":              {[]types.QueueConfiguration{queue(queueARN)}, "MalformedXML"},
		"no ARN":                {[]types.QueueConfiguration{queue("queue", "s3:ObjectCreated:*")}, "InvalidArgument"},
		"another Region":        {[]types.QueueConfiguration{queue("arn:aws:sqs:eu-north-1:111111111111:queue", "s3:ObjectCreated:*")}, "InvalidArgument"},
		"a target that is gone": {[]types.QueueConfiguration{queue(w.Unreachable, "s3:ObjectCreated:*")}, "InvalidArgument"},
		"an overlap":            {[]types.QueueConfiguration{queue(queueARN, "s3:ObjectCreated:*"), prefixed}, "InvalidArgument"},
		"two prefixes":          {[]types.QueueConfiguration{prefixed, {QueueArn: ptr(queueARN), Events: []types.Event{"s3:ObjectCreated:Put"}, Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "prefix", Value: ptr("b")}}}}}}, ""},
	} {
		_, err := api.Call[s3.PutBucketNotificationConfigurationOutput](t.Context(), w.Door, admin, &s3.PutBucketNotificationConfigurationInput{Bucket: ptr("bucket"), NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: each.queues}})
		if api.Code(err) != each.code {
			t.Errorf("%s is answered with %v, want %q", name, err, each.code)
		}
	}
	lambda := []types.LambdaFunctionConfiguration{{LambdaFunctionArn: ptr("arn:aws:lambda:eu-central-1:111111111111:function:f"), Events: []types.Event{"s3:ObjectCreated:*"}}}
	s3test.Refused[s3.PutBucketNotificationConfigurationOutput](t, w, admin, &s3.PutBucketNotificationConfigurationInput{Bucket: ptr("bucket"), NotificationConfiguration: &types.NotificationConfiguration{LambdaFunctionConfigurations: lambda}}, "NotImplemented")
}
