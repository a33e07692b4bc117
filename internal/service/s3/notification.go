package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Event is what EventBridge is told of a bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
type Event struct {
	AccountID  string // the bucket's
	Region     string
	DetailType string // "Object Created"
	BucketARN  string
	Detail     map[string]any
}

// Message is what a queue or a topic is told of a bucket.
type Message struct {
	AccountID string // the bucket's
	Region    string
	BucketARN string
	TargetARN string
	Body      string
}

// happening is something that happened to an object.
type happening struct {
	name       string // of the event, without "s3:": "ObjectCreated:Put"
	detailType string // for EventBridge: "Object Created"; "" where it is not told
	object     state.ObjectVersion
	detail     map[string]any // what EventBridge is told beside
}

func objectCreated(by created, o state.ObjectVersion) happening {
	return happening{"ObjectCreated:" + by.how, "Object Created", o, map[string]any{"reason": by.reason}}
}

// objectRemoved tells of a deletion, by a call or by a lifecycle rule. o is the delete marker if one was made.
func objectRemoved(byRule bool, o state.ObjectVersion, marker bool) happening {
	name, reason, kind := "ObjectRemoved:", "DeleteObject", "Permanently Deleted"
	how := "Delete"
	if marker {
		how, kind = "DeleteMarkerCreated", "Delete Marker Created"
	}
	if byRule {
		name, reason = "LifecycleExpiration:", "Lifecycle Expiration"
	}
	o.Size, o.ETag = 0, ""
	return happening{name + how, "Object Deleted", o, map[string]any{"reason": reason, "deletion-type": kind}}
}

func objectMoved(o state.ObjectVersion, class string) happening {
	return happening{"LifecycleTransition", "Object Storage Class Changed", o, map[string]any{"destination-storage-class": class}}
}

func objectTagged(o state.ObjectVersion, deleted bool) happening {
	if deleted {
		return happening{"ObjectTagging:Delete", "Object Tags Deleted", o, nil}
	}
	return happening{"ObjectTagging:Put", "Object Tags Added", o, nil}
}

func objectACLSet(o state.ObjectVersion) happening {
	return happening{"ObjectAcl:Put", "Object ACL Updated", o, nil}
}

func restoreBegun(o state.ObjectVersion) happening {
	return happening{"ObjectRestore:Post", "Object Restore Initiated", o, map[string]any{"source-storage-class": o.StorageClass}}
}

// tell tells those who asked for it, in the transaction that makes it happen. c is nil for what the service does itself.
func (s *Service) tell(ctx context.Context, tx *state.Tx, c *api.Caller, b state.Bucket, h happening) error {
	if b.Settings.Notification == "" {
		return nil
	}
	n, err := notificationOf(b)
	if err != nil {
		return err
	}
	if n.EventBridgeConfiguration != nil && s.putEvent != nil && h.detailType != "" {
		e := Event{AccountID: b.AccountID, Region: b.Region, DetailType: h.detailType, BucketARN: bucketARN(b.Name), Detail: h.eventDetail(c, b)}
		if err := s.putEvent(ctx, tx, e); err != nil {
			return fmt.Errorf("telling of %s: %w", h.name, err)
		}
	}
	for _, sub := range subscriptions(n) {
		if !sub.wants(h) || s.deliver == nil {
			continue
		}
		body, err := h.message(c, b, sub.id, tx.Now)
		if err != nil {
			return err
		}
		err = s.deliver(ctx, tx, Message{AccountID: b.AccountID, Region: b.Region, BucketARN: bucketARN(b.Name), TargetARN: sub.target, Body: body})
		if err != nil {
			return fmt.Errorf("telling %s of %s: %w", sub.target, h.name, err)
		}
	}
	return nil
}

func (sub subscription) wants(h happening) bool {
	if !strings.HasPrefix(h.object.Key, sub.prefix) || !strings.HasSuffix(h.object.Key, sub.suffix) {
		return false
	}
	for _, event := range sub.events {
		if covers(event, "s3:"+h.name) {
			return true
		}
	}
	return false
}

// sequencer orders the events of a key: it is hexadecimal, and later events have the greater one.
func sequencer(o state.ObjectVersion) string { return fmt.Sprintf("%016X", uint64(o.Modified)) }

// requester is the account that made a call, or the service itself.
func requester(c *api.Caller) string {
	switch {
	case c == nil:
		return Principal
	case c.Service != "":
		return c.Service
	case c.AccountID == "":
		return "anonymous"
	}
	return c.AccountID
}

func (h happening) eventDetail(c *api.Caller, b state.Bucket) map[string]any {
	object := map[string]any{"key": h.object.Key, "sequencer": sequencer(h.object)}
	if h.object.ETag != "" {
		object["etag"], object["size"] = h.object.ETag, h.object.Size
	}
	if b.Versioning != "" && h.object.VersionID != "" {
		object["version-id"] = h.object.VersionID
	}
	detail := map[string]any{"version": "0", "bucket": map[string]any{"name": b.Name}, "object": object, "requester": requester(c)}
	if c != nil {
		detail["request-id"] = c.RequestID
		if c.SourceIP != "" {
			detail["source-ip-address"] = c.SourceIP
		}
	}
	for key, value := range h.detail {
		detail[key] = value
	}
	return detail
}

// message is what queues and topics are told.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func (h happening) message(c *api.Caller, b state.Bucket, configuration string, now state.Micros) (string, error) {
	object := map[string]any{"key": strings.ReplaceAll(url.QueryEscape(h.object.Key), "%2F", "/"), "sequencer": sequencer(h.object)}
	if h.object.ETag != "" {
		object["size"], object["eTag"] = h.object.Size, h.object.ETag
	}
	if b.Versioning != "" && h.object.VersionID != "" {
		object["versionId"] = h.object.VersionID
	}
	version := "2.1"
	for _, newer := range []string{"Lifecycle", "ObjectTagging", "ObjectAcl", "ObjectRestore:Delete"} {
		if strings.HasPrefix(h.name, newer) {
			version = "2.3"
		}
	}
	record := map[string]any{
		"eventVersion": version, "eventSource": "aws:s3", "awsRegion": b.Region, "eventTime": now.Time().UTC().Format("2006-01-02T15:04:05.000Z"),
		"eventName": h.name,
		"s3": map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": configuration, "object": object,
			"bucket": map[string]any{"name": b.Name, "arn": bucketARN(b.Name), "ownerIdentity": map[string]any{"principalId": canonicalID(b.AccountID)}},
		},
		"userIdentity": map[string]any{"principalId": Principal}, "requestParameters": map[string]any{"sourceIPAddress": Principal}, "responseElements": map[string]any{},
	}
	if c != nil {
		record["userIdentity"] = map[string]any{"principalId": "AWS:" + c.UserID}
		record["requestParameters"] = map[string]any{"sourceIPAddress": c.SourceIP}
		record["responseElements"] = map[string]any{"x-amz-request-id": c.RequestID, "x-amz-id-2": c.RequestID}
	}
	text, err := json.Marshal(map[string]any{"Records": []any{record}})
	return string(text), err
}
