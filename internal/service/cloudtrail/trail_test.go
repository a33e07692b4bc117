package cloudtrail_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// site is a server with a bucket that trails may deliver into.
type site struct {
	*strongroomtest.Server
	trails *cloudtrail.Client
	s3     *s3.Client
	bucket string
}

const (
	management = "999999999999"
	north      = "eu-north-1"
)

func newSite(t *testing.T) *site {
	t.Helper()
	w := &site{Server: strongroomtest.New(t), bucket: "the-trails"}
	cfg := w.AWS(t, "member", region)
	w.trails = cloudtrail.NewFromConfig(cfg)
	w.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := w.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &w.bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		t.Fatal(err)
	}
	w.allow(t, "arn:aws:cloudtrail:"+region+":"+member+":trail/*")
	return w
}

// allow puts the documented bucket policy for trails.
func (w *site) allow(t *testing.T, trail string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::%[1]s",
		 "Condition":{"ArnLike":{"aws:SourceArn":"%[2]s"}}},
		{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::%[1]s/*",
		 "Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"},"ArnLike":{"aws:SourceArn":"%[2]s"}}}]}`, w.bucket, trail)
	if _, err := w.s3.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &w.bucket, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
}

func (w *site) create(t *testing.T, in *cloudtrail.CreateTrailInput) string {
	t.Helper()
	in.S3BucketName = &w.bucket
	out, err := w.trails.CreateTrail(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.trails.StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: out.TrailARN}); err != nil {
		t.Fatal(err)
	}
	return *out.TrailARN
}

// advance moves the clock and waits until the trail has tried to deliver since.
func (w *site) advance(t *testing.T, trail string, d time.Duration) *cloudtrail.GetTrailStatusOutput {
	t.Helper()
	before, err := w.trails.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: &trail})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admin.Clock(t.Context(), server.ClockMove{Advance: d, DoNotWait: true}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		now, err := w.trails.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: &trail})
		if err != nil {
			t.Fatal(err)
		}
		if *now.LatestDeliveryAttemptTime != *before.LatestDeliveryAttemptTime {
			return now
		}
	}
}

// keys lists the bucket.
func (w *site) keys(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	for p := s3.NewListObjectsV2Paginator(w.s3, &s3.ListObjectsV2Input{Bucket: &w.bucket, Prefix: &prefix}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

type record struct {
	EventID       string
	EventName     string
	EventCategory string
	AWSRegion     string `json:"awsRegion"`
	Resources     []struct {
		ARN string `json:"ARN"`
	}
}

// records reads the log files under a prefix.
func (w *site) records(t *testing.T, prefix string) (all []record) {
	t.Helper()
	for _, key := range w.keys(t, prefix) {
		out, err := w.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Records []record }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		all = append(all, file.Records...)
	}
	return all
}

func names(records []record) (names []string) {
	for _, r := range records {
		names = append(names, r.EventName)
	}
	return names
}

// once holds that no record is there twice.
func once(t *testing.T, records []record) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range records {
		if seen[r.EventID] {
			t.Errorf("%s %s was delivered twice", r.EventName, r.EventID)
		}
		seen[r.EventID] = true
	}
}

func refusedWith(t *testing.T, err error, code string) {
	t.Helper()
	if refusal, ok := errors.AsType[smithy.APIError](err); !ok || refusal.ErrorCode() != code {
		t.Errorf("answered with %v, not %s", err, code)
	}
}

func TestTrailDeliversWhatHappens(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	keys := kms.NewFromConfig(w.AWS(t, "member", region))
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("all"), S3KeyPrefix: new("audit"), IsMultiRegionTrail: new(true)})
	made, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(w.AWS(t, "member", north)).CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(w.AWS(t, "member", region)).CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: new("g")}); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(w.AWS(t, "backup", region)).CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
		t.Fatal(err)
	}
	status := w.advance(t, trail, 6*time.Minute)
	if !*status.IsLogging || status.LatestDeliveryError != nil || status.LatestDeliveryTime == nil {
		t.Errorf("status: %+v", status)
	}
	root := "audit/AWSLogs/" + member + "/CloudTrail/"
	for place, want := range map[string]string{region: "CreateKey", north: "CreateKey", "us-east-1": "CreateGroup"} {
		if found := names(w.records(t, root+place+"/")); !slices.Contains(found, want) {
			t.Errorf("the records of %s are %v, without %s", place, found, want)
		}
	}
	if others := w.keys(t, "audit/AWSLogs/"+vault); len(others) > 0 {
		t.Errorf("another account's records were delivered: %v", others)
	}
	i := slices.IndexFunc(w.records(t, root+region+"/"), func(r record) bool { return r.EventName == "CreateKey" })
	created := w.records(t, root+region+"/")[i]
	if len(created.Resources) == 0 || created.Resources[len(created.Resources)-1].ARN != *made.KeyMetadata.Arn {
		t.Errorf("CreateKey is recorded with the resources %v", created.Resources)
	}

	// What happened before it is stopped is delivered, what comes then is not; and nothing twice.
	if _, err := keys.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: new(int32(8))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.trails.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &trail}); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Fatal(err)
	}
	w.advance(t, trail, 6*time.Minute)
	all := w.records(t, "audit/")
	once(t, all)
	if found := names(all); !slices.Contains(found, "GenerateRandom") || slices.Contains(found, "ListKeys") {
		t.Errorf("after logging was stopped there are %v", found)
	}
	if _, err := w.trails.DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: &trail}); err != nil {
		t.Fatal(err)
	}
	_, err = w.trails.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: &trail})
	refusedWith(t, err, "TrailNotFoundException")
}

func TestTrailHasDataEventsThatItAsksFor(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	data := "the-data"
	if _, err := w.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &data, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		t.Fatal(err)
	}
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("data")})
	standard, err := w.trails.GetEventSelectors(t.Context(), &cloudtrail.GetEventSelectorsInput{TrailName: &trail})
	if err != nil || len(standard.EventSelectors) != 1 || !*standard.EventSelectors[0].IncludeManagementEvents {
		t.Errorf("without selectors a trail has %+v, %v", standard, err)
	}
	put := func(bucket, key string) {
		t.Helper()
		if _, err := w.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
	selectors := []*cloudtrail.PutEventSelectorsInput{
		{EventSelectors: []types.EventSelector{{
			ReadWriteType: types.ReadWriteTypeWriteOnly, IncludeManagementEvents: new(false),
			DataResources: []types.DataResource{{Type: new("AWS::S3::Object"), Values: []string{"arn:aws:s3:::the-data/in/"}}},
		}}},
		{AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{
			{Field: new("eventCategory"), Equals: []string{"Data"}},
			{Field: new("resources.type"), Equals: []string{"AWS::S3::Object"}},
			{Field: new("resources.ARN"), StartsWith: []string{"arn:aws:s3:::the-data/in/"}},
			{Field: new("eventName"), NotEquals: []string{"GetObject"}},
		}}}},
	}
	for i, in := range selectors {
		put("the-data", "before") // is not asked for
		in.TrailName = &trail
		if _, err := w.trails.PutEventSelectors(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		put("the-data", "out/key")
		put("the-data", "in/key")
		got, err := w.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &data, Key: new("in/key")})
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		w.advance(t, trail, 6*time.Minute)
		var found []string
		for _, r := range w.records(t, "AWSLogs/") {
			if r.EventCategory == "Data" {
				found = append(found, r.EventName+" "+r.Resources[0].ARN)
			}
		}
		want := slices.Repeat([]string{"PutObject arn:aws:s3:::the-data/in/key"}, i+1)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("data events (-want +got):\n%s", diff)
		}
	}
	events, err := w.trails.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{
		{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: new("PutObject")},
	}})
	if err != nil || len(events.Events) > 0 {
		t.Errorf("LookupEvents shows data events: %v, %v", events, err)
	}
}

func TestTrailTellsOfABucketThatRefuses(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("trail")})
	w.allow(t, "arn:aws:cloudtrail:"+region+":"+member+":trail/another")
	_, err := w.trails.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &trail, S3KeyPrefix: new("p")})
	refusedWith(t, err, "InsufficientS3BucketPolicyException")
	if status := w.advance(t, trail, 6*time.Minute); aws.ToString(status.LatestDeliveryError) != "AccessDenied" {
		t.Errorf("status: %+v", status)
	}
	w.allow(t, trail)
	for range 2 { // the first attempt may have begun before
		if status := w.advance(t, trail, 6*time.Minute); status.LatestDeliveryError == nil {
			break
		}
	}
	if found := names(w.records(t, "AWSLogs/")); !slices.Contains(found, "PutBucketPolicy") {
		t.Errorf("what the bucket refused was not delivered later: %v", found)
	}
	once(t, w.records(t, "AWSLogs/"))
}

func TestTrailUsesItsKeyAndItsTopic(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	keys := kms.NewFromConfig(w.AWS(t, "member", region))
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.trails.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: new("sealed"), S3BucketName: &w.bucket, KmsKeyId: key.KeyMetadata.KeyId})
	refusedWith(t, err, "InsufficientEncryptionPolicyException")
	arn := "arn:aws:cloudtrail:" + region + ":" + member + ":trail/sealed"
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"kms:GenerateDataKey*","Resource":"*","Condition":{
			"StringEquals":{"aws:SourceArn":"%[2]s"},"StringLike":{"kms:EncryptionContext:aws:cloudtrail:arn":"%[2]s"}}}]}`, member, arn)
	if _, err := keys.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyMetadata.KeyId, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	cfg := w.AWS(t, "member", region)
	topics, queues := sns.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: new("trails"), Attributes: map[string]string{"Policy": fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"SNS:Publish","Resource":"*","Condition":{"StringEquals":{"aws:SourceArn":"%s"}}}]}`, arn,
	)}})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: new("trails"), Attributes: map[string]string{"Policy": fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"%s"}}}]}`, *topic.TopicArn,
	)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: new("sqs"), Endpoint: new("arn:aws:sqs:" + region + ":" + member + ":trails"), Attributes: map[string]string{"RawMessageDelivery": "true"},
	}); err != nil {
		t.Fatal(err)
	}
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("sealed"), KmsKeyId: key.KeyMetadata.KeyId, SnsTopicName: new("trails")})
	if status := w.advance(t, trail, 6*time.Minute); status.LatestDeliveryError != nil || status.LatestNotificationError != nil {
		t.Errorf("status: %+v, %s", status, aws.ToString(status.LatestNotificationError))
	}
	files := w.keys(t, "AWSLogs/")
	if len(files) == 0 {
		t.Fatal("nothing was delivered")
	}
	file, err := w.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &w.bucket, Key: &files[0]})
	if err != nil || aws.ToString(file.SSEKMSKeyId) != *key.KeyMetadata.Arn {
		t.Errorf("the file is encrypted under %s, %v", aws.ToString(file.SSEKMSKeyId), err)
	}
	told := strongroomtest.Receive(t, queues, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if want := fmt.Sprintf(`{"s3Bucket":"%s","s3ObjectKey":["%s"]}`, w.bucket, files[0]); *told[0].Body != want {
		t.Errorf("the topic says %s, not %s", *told[0].Body, want)
	}
}

// TestDeliveryEndsUnderTraffic holds that a delivery has what happened until it began, and not what happens while it runs.
func TestDeliveryEndsUnderTraffic(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("busy")})
	ctx, stop := context.WithCancel(t.Context())
	var traffic errgroup.Group
	keys := kms.NewFromConfig(w.AWS(t, "member", region))
	for range 4 {
		traffic.Go(func() error {
			for ctx.Err() == nil {
				if _, err := keys.CreateKey(ctx, &kms.CreateKeyInput{}); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	const deliveries = 3
	for range deliveries {
		w.advance(t, trail, 6*time.Minute)
	}
	stop()
	if err := traffic.Wait(); err != nil {
		t.Fatal(err)
	}
	if files := w.keys(t, "AWSLogs/"+member+"/CloudTrail/"+region+"/"); len(files) > deliveries+1 { // one may have been due meanwhile
		t.Errorf("%d deliveries wrote %d log files", deliveries, len(files))
	}
	once(t, w.records(t, "AWSLogs/"))
}

func TestTrailsAreRefused(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	ok := func(name string) *cloudtrail.CreateTrailInput {
		return &cloudtrail.CreateTrailInput{Name: &name, S3BucketName: &w.bucket}
	}
	for code, in := range map[string]*cloudtrail.CreateTrailInput{
		"InvalidTrailNameException":            ok("a"),
		"S3BucketDoesNotExistException":        {Name: new("trail"), S3BucketName: new("no-such-bucket")},
		"InvalidS3BucketNameException":         {Name: new("trail"), S3BucketName: new("No_Bucket")},
		"InvalidS3PrefixException":             {Name: new("trail"), S3BucketName: &w.bucket, S3KeyPrefix: new(strings.Repeat("p", 201))},
		"KmsKeyNotFoundException":              {Name: new("trail"), S3BucketName: &w.bucket, KmsKeyId: new("alias/none")},
		"InvalidParameterCombinationException": {Name: new("trail"), S3BucketName: &w.bucket, IsMultiRegionTrail: new(true), IncludeGlobalServiceEvents: new(false)},
		"CloudTrailAccessNotEnabledException":  {Name: new("trail"), S3BucketName: &w.bucket, IsOrganizationTrail: new(true)},
		"NotImplemented":                       {Name: new("trail"), S3BucketName: &w.bucket, CloudWatchLogsLogGroupArn: new("arn:aws:logs:eu-central-1:111111111111:log-group:g")},
		"InvalidTagParameterException":         {Name: new("trail"), S3BucketName: &w.bucket, TagsList: []types.Tag{{Key: new("aws:x"), Value: new("y")}}},
		"InvalidSnsTopicNameException":         {Name: new("trail"), S3BucketName: &w.bucket, SnsTopicName: new("a topic")},
	} {
		_, err := w.trails.CreateTrail(t.Context(), in)
		refusedWith(t, err, code)
	}
	for n := range 5 {
		if _, err := w.trails.CreateTrail(t.Context(), ok(fmt.Sprintf("trail%d", n))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.trails.CreateTrail(t.Context(), ok("trail0"))
	refusedWith(t, err, "TrailAlreadyExistsException")
	_, err = w.trails.CreateTrail(t.Context(), ok("trail5"))
	refusedWith(t, err, "MaximumNumberOfTrailsExceededException")
	_, err = cloudtrail.NewFromConfig(w.AWS(t, "backup", region)).StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: new("arn:aws:cloudtrail:" + region + ":" + member + ":trail/trail0")})
	refusedWith(t, err, "TrailNotFoundException")
	_, err = cloudtrail.NewFromConfig(w.AWS(t, "member", north)).DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: new("arn:aws:cloudtrail:" + region + ":" + member + ":trail/trail0")})
	refusedWith(t, err, "InvalidHomeRegionException")
	for _, in := range []*cloudtrail.PutEventSelectorsInput{
		{},
		{EventSelectors: []types.EventSelector{{}}, AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{{Field: new("eventCategory"), Equals: []string{"Management"}}}}}},
		{EventSelectors: []types.EventSelector{{ExcludeManagementEventSources: []string{"s3.amazonaws.com"}}}},
		{EventSelectors: []types.EventSelector{{DataResources: []types.DataResource{{Type: new("AWS::S3::Object"), Values: []string{"arn:aws:sqs:::x"}}}}}},
		{AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{{Field: new("readOnly"), Equals: []string{"true"}}}}}},
		{AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{{Field: new("eventCategory"), Equals: []string{"Other"}}}}}},
		{AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{{Field: new("color"), Equals: []string{"red"}}}}}},
	} {
		in.TrailName = new("trail0")
		_, err := w.trails.PutEventSelectors(t.Context(), in)
		refusedWith(t, err, "InvalidEventSelectorsException")
	}
}

func TestTrailsAreListedAndTagged(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	here := w.create(t, &cloudtrail.CreateTrailInput{Name: new("here"), TagsList: []types.Tag{{Key: new("team"), Value: new("a")}}})
	all := w.create(t, &cloudtrail.CreateTrailInput{Name: new("everywhere"), IsMultiRegionTrail: new(true)})
	elsewhere := cloudtrail.NewFromConfig(w.AWS(t, "member", north))
	described := func(client *cloudtrail.Client, in *cloudtrail.DescribeTrailsInput) (arns []string) {
		t.Helper()
		out, err := client.DescribeTrails(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, trail := range out.TrailList {
			arns = append(arns, *trail.TrailARN)
		}
		return arns
	}
	if diff := cmp.Diff([]string{all, here}, described(w.trails, &cloudtrail.DescribeTrailsInput{})); diff != "" {
		t.Errorf("at home (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{all}, described(elsewhere, &cloudtrail.DescribeTrailsInput{})); diff != "" {
		t.Errorf("elsewhere (-want +got):\n%s", diff)
	}
	if found := described(elsewhere, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: new(false)}); len(found) > 0 {
		t.Errorf("elsewhere, without shadows: %v", found)
	}
	var listed []string
	for p := cloudtrail.NewListTrailsPaginator(elsewhere, &cloudtrail.ListTrailsInput{}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, trail := range out.Trails {
			listed = append(listed, *trail.TrailARN)
		}
	}
	if diff := cmp.Diff([]string{all, here}, listed); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}

	if _, err := w.trails.AddTags(t.Context(), &cloudtrail.AddTagsInput{ResourceId: &here, TagsList: []types.Tag{{Key: new("cost"), Value: new("b")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.trails.RemoveTags(t.Context(), &cloudtrail.RemoveTagsInput{ResourceId: &here, TagsList: []types.Tag{{Key: new("team")}}}); err != nil {
		t.Fatal(err)
	}
	var missing *types.ResourceNotFoundException
	if _, err := w.trails.RemoveTags(t.Context(), &cloudtrail.RemoveTagsInput{ResourceId: new(here + "-not"), TagsList: []types.Tag{{Key: new("team")}}}); !errors.As(err, &missing) {
		t.Errorf("removing the tags of no trail: %v", err)
	}
	tagging := resourcegroupstaggingapi.NewFromConfig(w.AWS(t, "member", region))
	if out, err := tagging.TagResources(t.Context(), &resourcegroupstaggingapi.TagResourcesInput{ResourceARNList: []string{here}, Tags: map[string]string{"more": "c"}}); err != nil || len(out.FailedResourcesMap) > 0 {
		t.Fatal(out, err)
	}
	if out, err := tagging.UntagResources(t.Context(), &resourcegroupstaggingapi.UntagResourcesInput{ResourceARNList: []string{here}, TagKeys: []string{"cost"}}); err != nil || len(out.FailedResourcesMap) > 0 {
		t.Fatal(out, err)
	}
	tags, err := w.trails.ListTags(t.Context(), &cloudtrail.ListTagsInput{ResourceIdList: []string{here}})
	if err != nil || len(tags.ResourceTagList) != 1 {
		t.Fatal(tags, err)
	}
	got := map[string]string{}
	for _, tag := range tags.ResourceTagList[0].TagsList {
		got[*tag.Key] = *tag.Value
	}
	if diff := cmp.Diff(map[string]string{"more": "c"}, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	found, err := tagging.GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"cloudtrail"}})
	if err != nil || len(found.ResourceTagMappingList) != 1 || *found.ResourceTagMappingList[0].ResourceARN != here {
		t.Errorf("GetResources finds %+v, %v", found, err)
	}
}

func TestOrganizationTrailHasAllAccounts(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	w.allow(t, "arn:aws:cloudtrail:"+region+":"+management+":trail/*")
	cfg := w.AWS(t, "management", region)
	if _, err := organizations.NewFromConfig(cfg).EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: new("cloudtrail.amazonaws.com")}); err != nil {
		t.Fatal(err)
	}
	member, own := w.trails, member
	w.trails = cloudtrail.NewFromConfig(cfg)
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("org"), IsOrganizationTrail: new(true)})
	for _, profile := range []string{"member", "backup"} {
		if _, err := kms.NewFromConfig(w.AWS(t, profile, region)).CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(t, trail, 6*time.Minute)
	organization, err := organizations.NewFromConfig(cfg).DescribeOrganization(t.Context(), &organizations.DescribeOrganizationInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{own, vault} {
		if found := names(w.records(t, "AWSLogs/"+*organization.Organization.Id+"/"+account+"/CloudTrail/")); !slices.Contains(found, "CreateKey") {
			t.Errorf("the records of %s are %v", account, found)
		}
	}
	seen, err := member.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: &trail})
	if err != nil || !*seen.Trail.IsOrganizationTrail {
		t.Errorf("a member sees %v, %v", seen, err)
	}
	_, err = member.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &trail})
	refusedWith(t, err, "TrailNotFoundException")
}

// TestDigestsAreValid has the aws CLI check what was delivered, and sees it find a log file that was changed.
func TestDigestsAreValid(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	trail := w.create(t, &cloudtrail.CreateTrailInput{Name: new("signed"), EnableLogFileValidation: new(true)})
	for range 4 { // the files of an hour are in the digest of the next
		if _, err := kms.NewFromConfig(w.AWS(t, "member", region)).CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
			t.Fatal(err)
		}
		w.advance(t, trail, time.Hour)
	}
	published, err := w.trails.ListPublicKeys(t.Context(), &cloudtrail.ListPublicKeysInput{})
	if err != nil || len(published.PublicKeyList) != 1 {
		t.Fatal(published, err)
	}
	validate := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		now := time.Now().UTC()
		cmd := exec.CommandContext(ctx, "aws", "cloudtrail", "validate-logs", "--endpoint-url", w.Endpoint(), "--trail-arn", trail, "--verbose",
			"--start-time", now.Add(-time.Hour).Format(time.RFC3339), "--end-time", now.Add(24*time.Hour).Format(time.RFC3339))
		cmd.Env = append(os.Environ(), "AWS_CONFIG_FILE="+filepath.Join(w.ProfilesDir(), "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(w.ProfilesDir(), "credentials"), "AWS_PROFILE=member")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("validate-logs: %v", err)
		}
		return string(out)
	}
	good := validate()
	if !strings.Contains(good, "digest files valid") || strings.Contains(good, "INVALID") || !strings.Contains(good, "log files valid") {
		t.Errorf("validate-logs:\n%s", good)
	}
	if _, err := w.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &w.keys(t, "AWSLogs/"+member+"/CloudTrail/")[0], Body: strings.NewReader("forged")}); err != nil {
		t.Fatal(err)
	}
	if bad := validate(); !strings.Contains(bad, "INVALID") {
		t.Errorf("validate-logs finds nothing wrong with a forged file:\n%s", bad)
	}
}
