package logs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

const region = "eu-central-1"

// bench is a client of a server, and the time that it began, in milliseconds.
type bench struct {
	*strongroomtest.Server
	*cwl.Client
	began int64
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := strongroomtest.New(t)
	return &bench{s, cwl.NewFromConfig(s.AWS(t, "member", region)), time.Now().UnixMilli()}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func (b *bench) stream(t *testing.T, group, stream string) {
	t.Helper()
	_, err := b.CreateLogGroup(t.Context(), &cwl.CreateLogGroupInput{LogGroupName: &group})
	if _, there := errors.AsType[*types.ResourceAlreadyExistsException](err); err != nil && !there {
		t.Fatal(err)
	}
	must(b.CreateLogStream(t.Context(), &cwl.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}))(t)
}

// put writes messages, one a second from the offset on.
func (b *bench) put(t *testing.T, group, stream string, offset time.Duration, messages ...string) *cwl.PutLogEventsOutput {
	t.Helper()
	in := &cwl.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream}
	for i, m := range messages {
		in.LogEvents = append(in.LogEvents, types.InputLogEvent{Message: &m, Timestamp: aws.Int64(b.began + offset.Milliseconds() + int64(i)*1000)})
	}
	return must(b.PutLogEvents(t.Context(), in))(t)
}

func (b *bench) search(t *testing.T, in *cwl.FilterLogEventsInput) (all []string) {
	t.Helper()
	ids := map[string]bool{}
	for pages := cwl.NewFilterLogEventsPaginator(b, in); pages.HasMorePages(); {
		for _, e := range must(pages.NextPage(t.Context()))(t).Events {
			if ids[*e.EventId] {
				t.Errorf("the id %s comes twice", *e.EventId)
			}
			ids[*e.EventId] = true
			all = append(all, *e.Message)
		}
	}
	return all
}

func messages(events []types.OutputLogEvent) (all []string) {
	for _, e := range events {
		all = append(all, *e.Message)
	}
	return all
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestGroupsAndStreams(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	for _, name := range []string{"/aws/lambda/a", "/aws/lambda/b", "other"} {
		must(b.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: &name, Tags: map[string]string{"of": name}}))(t)
	}
	_, err := b.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: aws.String("other")})
	wantCode(t, err, "ResourceAlreadyExistsException")
	_, err = b.CreateLogGroup(ctx, &cwl.CreateLogGroupInput{LogGroupName: aws.String("no spaces")})
	wantCode(t, err, "InvalidParameterException")

	var names []string
	for pages := cwl.NewDescribeLogGroupsPaginator(b, &cwl.DescribeLogGroupsInput{Limit: aws.Int32(1), LogGroupNamePrefix: aws.String("/aws/")}); pages.HasMorePages(); {
		for _, g := range must(pages.NextPage(ctx))(t).LogGroups {
			names = append(names, *g.LogGroupName)
			if *g.Arn != "arn:aws:logs:"+region+":111111111111:log-group:"+*g.LogGroupName+":*" {
				t.Errorf("its ARN is %s", *g.Arn)
			}
		}
	}
	want(t, "the groups of a prefix", names, "/aws/lambda/a", "/aws/lambda/b")
	listed := must(b.ListLogGroups(ctx, &cwl.ListLogGroupsInput{LogGroupNamePattern: aws.String("lambda/b")}))(t)
	if len(listed.LogGroups) != 1 {
		t.Errorf("groups of a pattern: %d", len(listed.LogGroups))
	}

	for _, name := range []string{"x1", "x2", "y"} {
		b.stream(t, "other", name)
	}
	_, err = b.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: aws.String("other"), LogStreamName: aws.String("y")})
	wantCode(t, err, "ResourceAlreadyExistsException")
	_, err = b.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: aws.String("none"), LogStreamName: aws.String("y")})
	wantCode(t, err, "ResourceNotFoundException")
	b.put(t, "other", "x2", 0, "late")
	b.put(t, "other", "y", -time.Hour, "early")
	streams := func(in cwl.DescribeLogStreamsInput) (all []string) {
		in.LogGroupName, in.Limit = aws.String("other"), aws.Int32(1)
		for pages := cwl.NewDescribeLogStreamsPaginator(b, &in); pages.HasMorePages(); {
			for _, s := range must(pages.NextPage(ctx))(t).LogStreams {
				all = append(all, *s.LogStreamName)
			}
		}
		return all
	}
	want(t, "streams by name", streams(cwl.DescribeLogStreamsInput{}), "x1", "x2", "y")
	want(t, "streams of a prefix, backwards", streams(cwl.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("x"), Descending: aws.Bool(true)}), "x2", "x1")
	want(t, "streams by time", streams(cwl.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true)}), "x2", "y", "x1")
	_, err = b.DescribeLogStreams(ctx, &cwl.DescribeLogStreamsInput{LogGroupName: aws.String("other"), OrderBy: types.OrderByLastEventTime, LogStreamNamePrefix: aws.String("x")})
	wantCode(t, err, "InvalidParameterException")

	must(b.DeleteLogStream(ctx, &cwl.DeleteLogStreamInput{LogGroupName: aws.String("other"), LogStreamName: aws.String("x2")}))(t)
	_, err = b.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: aws.String("other"), LogStreamName: aws.String("x2")})
	wantCode(t, err, "ResourceNotFoundException")

	resource := aws.String("arn:aws:logs:" + region + ":111111111111:log-group:other")
	must(b.TagResource(ctx, &cwl.TagResourceInput{ResourceArn: resource, Tags: map[string]string{"team": "blue"}}))(t)
	must(b.UntagResource(ctx, &cwl.UntagResourceInput{ResourceArn: resource, TagKeys: []string{"of"}}))(t)
	tags := must(b.ListTagsForResource(ctx, &cwl.ListTagsForResourceInput{ResourceArn: resource}))(t).Tags
	if !cmp.Equal(tags, map[string]string{"team": "blue"}) {
		t.Errorf("its tags are %v", tags)
	}

	must(b.PutLogGroupDeletionProtection(ctx, &cwl.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: aws.String("other"), DeletionProtectionEnabled: aws.Bool(true)}))(t)
	_, err = b.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: aws.String("other")})
	wantCode(t, err, "ValidationException")
	must(b.PutLogGroupDeletionProtection(ctx, &cwl.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: aws.String("other"), DeletionProtectionEnabled: aws.Bool(false)}))(t)
	must(b.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: aws.String("other")}))(t)
	_, err = b.DeleteLogGroup(ctx, &cwl.DeleteLogGroupInput{LogGroupName: aws.String("other")})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestReadingAStream(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.stream(t, "g", "s")
	// Calls come in another order than their events, which overlap.
	b.put(t, "g", "s", 0, "0", "1", "2", "3")
	b.put(t, "g", "s", 4*time.Second, "4")
	b.put(t, "g", "s", 1500*time.Millisecond, "1.5", "2.5")
	b.put(t, "g", "s", -10*time.Second, "-10")
	all := []string{"-10", "0", "1", "1.5", "2", "2.5", "3", "4"}

	in := &cwl.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), StartFromHead: aws.Bool(true), Limit: aws.Int32(3)}
	var got []string
	for range 10 {
		out := must(b.GetLogEvents(ctx, in))(t)
		got = append(got, messages(out.Events)...)
		if in.NextToken != nil && *in.NextToken == *out.NextForwardToken {
			break
		}
		in.NextToken = out.NextForwardToken
	}
	want(t, "forward", got, all...)
	b.put(t, "g", "s", 5*time.Second, "5")
	out := must(b.GetLogEvents(ctx, in))(t)
	want(t, "what came since", messages(out.Events), "5")
	back := must(b.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: in.LogGroupName, LogStreamName: in.LogStreamName, NextToken: out.NextBackwardToken}))(t)
	want(t, "back again", messages(back.Events), all...)

	in = &cwl.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), Limit: aws.Int32(2)}
	got = nil
	for range 10 {
		out := must(b.GetLogEvents(ctx, in))(t)
		got = append(messages(out.Events), got...)
		if in.NextToken != nil && *in.NextToken == *out.NextBackwardToken {
			break
		}
		in.NextToken = out.NextBackwardToken
	}
	want(t, "backward", got, append(all, "5")...)

	part := must(b.GetLogEvents(ctx, &cwl.GetLogEventsInput{
		LogGroupIdentifier: aws.String("arn:aws:logs:" + region + ":111111111111:log-group:g"), LogStreamName: in.LogStreamName, StartFromHead: aws.Bool(true),
		StartTime: aws.Int64(b.began + 1000), EndTime: aws.Int64(b.began + 2000),
	}))(t)
	want(t, "from a time until before another", messages(part.Events), "1", "1.5")
	_, err := b.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: in.LogGroupName, LogStreamName: in.LogStreamName, NextToken: aws.String("f/x")})
	wantCode(t, err, "InvalidParameterException")
}

func TestSearching(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	for i, stream := range []string{"a1", "a2", "b"} {
		b.stream(t, "g", stream)
		b.put(t, "g", stream, time.Duration(i)*100*time.Millisecond, stream+" START", stream+" ERROR no", stream+` {"n": 1}`, stream+" END")
	}
	b.put(t, "g", "b", time.Minute, `{"level": "warn", "n": 7}`)
	g := aws.String("g")
	want(t, "a term", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: g, FilterPattern: aws.String("ERROR"), Limit: aws.Int32(2)}), "a1 ERROR no", "a2 ERROR no", "b ERROR no")
	want(t, "a prefix", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: g, LogStreamNamePrefix: aws.String("a"), FilterPattern: aws.String("?START ?END"), Limit: aws.Int32(1)}), "a1 START", "a2 START", "a1 END", "a2 END")
	want(t, "one stream", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: g, LogStreamNames: []string{"a2"}, FilterPattern: aws.String("-ERROR")}), "a2 START", `a2 {"n": 1}`, "a2 END")
	want(t, "JSON", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: g, FilterPattern: aws.String(`{ $.level = "warn" && $.n > 5 }`)}), `{"level": "warn", "n": 7}`)
	want(t, "until a time", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: g, StartTime: &b.began, EndTime: aws.Int64(b.began + 200)}), "a1 START", "a2 START", "b START")

	for _, in := range []*cwl.FilterLogEventsInput{
		{LogGroupName: g, FilterPattern: aws.String("a-b")},
		{LogGroupName: g, LogStreamNames: []string{"b"}, LogStreamNamePrefix: aws.String("b")},
		{LogGroupName: g, NextToken: aws.String("x")},
	} {
		_, err := b.FilterLogEvents(ctx, in)
		wantCode(t, err, "InvalidParameterException")
	}
	_, err := b.FilterLogEvents(ctx, &cwl.FilterLogEventsInput{LogGroupName: g, LogStreamNames: []string{"b", "none"}})
	wantCode(t, err, "ResourceNotFoundException")
	_, err = b.FilterLogEvents(ctx, &cwl.FilterLogEventsInput{LogGroupName: g, FilterPattern: aws.String("[a, b]")})
	wantCode(t, err, "NotImplemented")
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.stream(t, "g", "s")
	put := func(events ...types.InputLogEvent) error {
		_, err := b.PutLogEvents(ctx, &cwl.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: events})
		return err
	}
	at := func(ms int64, message string) types.InputLogEvent {
		return types.InputLogEvent{Timestamp: aws.Int64(b.began + ms), Message: &message}
	}
	wantCode(t, put(at(1, "a"), at(0, "b")), "InvalidParameterException")
	wantCode(t, put(at(-86400001, "a"), at(0, "b")), "InvalidParameterException")
	wantCode(t, put(at(0, strings.Repeat("x", 1<<20-25))), "InvalidParameterException")
	wantCode(t, put(at(0, "")), "InvalidParameterException")
	if err := put(at(0, strings.Repeat("x", 1<<20-26))); err != nil {
		t.Errorf("the largest batch: %v", err)
	}
	_, err := b.PutLogEvents(ctx, &cwl.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("none"), LogEvents: []types.InputLogEvent{at(0, "a")}})
	wantCode(t, err, "ResourceNotFoundException")

	day := 24 * time.Hour
	if out := b.put(t, "g", "s", -15*day, "too old"); out.RejectedLogEventsInfo == nil || aws.ToInt32(out.RejectedLogEventsInfo.TooOldLogEventEndIndex) != 1 {
		t.Errorf("of what is too old it says %+v", out.RejectedLogEventsInfo)
	}
	hours := func(n int64) int64 { return n * time.Hour.Milliseconds() }
	out := must(b.PutLogEvents(ctx, &cwl.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: []types.InputLogEvent{
		at(hours(2)-1500, "ahead"), at(hours(2)-500, "ahead"), at(hours(3), "too far ahead"), at(hours(3), "too far ahead"), // however long this takes
	}}))(t)
	if out.RejectedLogEventsInfo == nil || aws.ToInt32(out.RejectedLogEventsInfo.TooNewLogEventStartIndex) != 2 {
		t.Errorf("of what is too far ahead it says %+v", out.RejectedLogEventsInfo)
	}
	want(t, "what is not too far ahead", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: aws.String("g"), FilterPattern: aws.String("ahead")}), "ahead", "ahead")
}

func TestRetention(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.stream(t, "g", "s")
	b.put(t, "g", "s", -2*time.Hour, "old")
	b.put(t, "g", "s", 0, "new")
	_, err := b.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(2)})
	wantCode(t, err, "InvalidParameterException")
	must(b.PutRetentionPolicy(ctx, &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(1)}))(t)
	if _, err := b.Admin.Clock(ctx, server.ClockMove{Advance: 23 * time.Hour, DoNotWait: true}); err != nil {
		t.Fatal(err)
	}
	want(t, "what is kept", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: aws.String("g")}), "new")
	if out := b.put(t, "g", "s", -2*time.Hour, "expired"); aws.ToInt32(out.RejectedLogEventsInfo.ExpiredLogEventEndIndex) != 1 {
		t.Errorf("of what is expired it says %+v", out.RejectedLogEventsInfo)
	}
	must(b.DeleteRetentionPolicy(ctx, &cwl.DeleteRetentionPolicyInput{LogGroupName: aws.String("g")}))(t)
	want(t, "what was not swept yet", b.search(t, &cwl.FilterLogEventsInput{LogGroupName: aws.String("g")}), "old", "new")
}

// Many write at once, into streams of their own and one in common: everything is there afterwards, in the order of each.
func TestManyWriteAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const writers, calls = 12, 10
	b.stream(t, "g", "all")
	var w sync.WaitGroup
	for i := range writers {
		w.Go(func() {
			own := fmt.Sprint("own", i)
			b.stream(t, "g", own)
			for n := range calls {
				for _, stream := range []string{own, "all"} {
					b.put(t, "g", stream, time.Duration(n)*time.Second, fmt.Sprintf("%s/%d/%d", stream, i, n))
				}
			}
		})
	}
	w.Wait()
	got := b.search(t, &cwl.FilterLogEventsInput{LogGroupName: aws.String("g"), Limit: aws.Int32(7)})
	if len(got) != 2*writers*calls {
		t.Fatalf("%d events, not %d", len(got), 2*writers*calls)
	}
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != 2*writers*calls {
		t.Errorf("%d different ones", n)
	}
	group := must(b.DescribeLogGroups(t.Context(), &cwl.DescribeLogGroupsInput{}))(t).LogGroups[0]
	if *group.StoredBytes == 0 {
		t.Error("the group is empty")
	}
}

// What is logged is nobody else's business: on the disk it is sealed, and its file is the server's own.
func TestLogsAreSealed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.stream(t, "g", "s")
	b.put(t, "g", "s", 0, strings.Repeat("the-password-of-somebody ", 10))
	files := must(filepath.Glob(filepath.Join(b.Dir, "logs.db*")))(t)
	if len(files) == 0 {
		t.Fatal("there is no store of logs")
	}
	for _, name := range files {
		if info := must(os.Stat(name))(t); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %o", name, info.Mode().Perm())
		}
		if strings.Contains(string(must(os.ReadFile(name))(t)), "password-of-somebody") {
			t.Errorf("%s holds what was logged", name)
		}
	}
}

func TestOthersDoNotRead(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	b.stream(t, "/aws/lambda/mine", "s")
	b.stream(t, "/aws/lambda/other", "s")
	identities := iam.NewFromConfig(b.AWS(t, "member", region))
	must(identities.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("writer")}))(t)
	must(identities.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("writer"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda/mine:*"}}`)}))(t)
	key := must(identities.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("writer")}))(t).AccessKey
	cfg := b.AWS(t, "member", region)
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: *key.AccessKeyId, SecretAccessKey: *key.SecretAccessKey}, nil
	})
	writer := &bench{b.Server, cwl.NewFromConfig(cfg), b.began}
	must(writer.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: aws.String("/aws/lambda/mine"), LogStreamName: aws.String("t")}))(t)
	writer.put(t, "/aws/lambda/mine", "t", 0, "x")
	_, err := writer.CreateLogStream(ctx, &cwl.CreateLogStreamInput{LogGroupName: aws.String("/aws/lambda/other"), LogStreamName: aws.String("t")})
	wantCode(t, err, "AccessDeniedException")
	_, err = writer.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/mine"), LogStreamName: aws.String("t")})
	wantCode(t, err, "AccessDeniedException")
	_, err = writer.DescribeLogGroups(ctx, &cwl.DescribeLogGroupsInput{})
	wantCode(t, err, "AccessDeniedException")
	_, err = writer.FilterLogEvents(ctx, &cwl.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/none")})
	wantCode(t, err, "AccessDeniedException")

	other := &bench{b.Server, cwl.NewFromConfig(b.AWS(t, "backup", region)), b.began}
	_, err = other.GetLogEvents(ctx, &cwl.GetLogEventsInput{LogGroupIdentifier: aws.String("arn:aws:logs:" + region + ":111111111111:log-group:/aws/lambda/mine"), LogStreamName: aws.String("t")})
	wantCode(t, err, "ResourceNotFoundException")
}
