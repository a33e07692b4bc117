package events_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// role makes a role that a service can assume for rules of the account, with a policy of its own.
func (b *bench) role(t *testing.T, name, service, policy string) string {
	t.Helper()
	roles := awsiam.NewFromConfig(b.AWS(t, "member", region))
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole","Condition":{
		"StringEquals":{"aws:SourceAccount":%q},"ArnLike":{"aws:SourceArn":"arn:aws:events:%s:%s:rule/*"}}}}`, service, account, region, account)
	made := must(roles.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))(t)
	must(roles.PutRolePolicy(t.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))(t)
	return *made.Role.Arn
}

// TestRolesOfTargets: a target's role delivers in the place of EventBridge, and its own policies decide; a role that may
// not, or that cannot be assumed, sends the event to the dead-letter queue.
func TestRolesOfTargets(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	letters, lettersARN := b.queue(t, "letters", "events.amazonaws.com")
	plain := must(b.queues.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("plain")}))(t).QueueUrl // admits no service
	plainARN := "arn:aws:sqs:" + region + ":" + account + ":plain"
	may := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":%q}}`, plainARN)
	mayNot := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"}}`
	must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["my.app"]}`)}))(t)
	for _, test := range []struct {
		role string
		at   *string // where the event is then
		code string
	}{
		{b.role(t, "good", "events.amazonaws.com", may), plain, ""},
		{b.role(t, "poor", "events.amazonaws.com", mayNot), letters, "NO_PERMISSIONS"},
		{b.role(t, "foreign", "backup.amazonaws.com", may), letters, "FAILED_TO_ASSUME_ROLE"},
	} {
		must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{
			{Id: aws.String("1"), Arn: &plainARN, RoleArn: &test.role, DeadLetterConfig: &types.DeadLetterConfig{Arn: &lettersARN}},
		}}))(t)
		b.put(t, nil, `{"role":"`+test.role+`"}`)
		m := strongroomtest.Receive(t, b.queues, &awssqs.ReceiveMessageInput{QueueUrl: test.at, MessageAttributeNames: []string{"All"}})[0]
		var e struct{ Detail struct{ Role string } }
		if err := json.Unmarshal([]byte(*m.Body), &e); err != nil || e.Detail.Role != test.role {
			t.Errorf("as %s came %s", test.role, *m.Body)
		}
		if code := aws.ToString(m.MessageAttributes["ERROR_CODE"].StringValue); code != test.code {
			t.Errorf("as %s: the error %q, want %q", test.role, code, test.code)
		}
		must(b.queues.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: test.at, ReceiptHandle: m.ReceiptHandle}))(t)
	}
}

// TestRolesOfOtherAccounts: who may pass all roles passes none of another account, which therefore acts in nobody's place.
func TestRolesOfOtherAccounts(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	role := b.role(t, "victim", "events.amazonaws.com", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}}`)
	must(b.queues.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("plain")}))(t)
	other := awsevents.NewFromConfig(b.AWS(t, "backup", region))
	rule := &awsevents.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["my.app"]}`), RoleArn: &role}
	_, err := other.PutRule(ctx, rule)
	wantCode(t, err, "AccessDeniedException")
	rule.RoleArn = aws.String("arn:aws:iam::" + server.BackupAccount + ":user/u")
	_, err = other.PutRule(ctx, rule)
	wantCode(t, err, "ValidationException")
	rule.RoleArn = nil
	must(other.PutRule(ctx, rule))(t)
	_, err = other.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: rule.Name, Targets: []types.Target{
		{Id: aws.String("1"), Arn: aws.String("arn:aws:sqs:" + region + ":" + account + ":plain"), RoleArn: &role, Input: aws.String(`{}`)},
	}})
	wantCode(t, err, "AccessDeniedException")
	if targets := must(other.ListTargetsByRule(ctx, &awsevents.ListTargetsByRuleInput{Rule: rule.Name}))(t).Targets; len(targets) > 0 {
		t.Errorf("the rule has %v", targets)
	}
}

// TestEventsDoNotGoRound: a rule does not send to its own bus, and what came from another bus's rule goes to no third.
func TestEventsDoNotGoRound(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	pattern, name := aws.String(`{"source":["my.app"]}`), aws.String("r")
	var buses, urls []*string
	var queues []string
	for _, bus := range []string{"one", "two"} {
		buses = append(buses, must(b.events.CreateEventBus(ctx, &awsevents.CreateEventBusInput{Name: &bus}))(t).EventBusArn)
		url, arn := b.queue(t, bus, "events.amazonaws.com")
		urls, queues = append(urls, url), append(queues, arn)
	}
	for i, bus := range buses {
		must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: name, EventBusName: bus, EventPattern: pattern}))(t)
		_, err := b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: name, EventBusName: bus, Targets: []types.Target{{Id: aws.String("own"), Arn: bus}}})
		wantCode(t, err, "ValidationException")
		must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: name, EventBusName: bus, Targets: []types.Target{
			{Id: aws.String("bus"), Arn: buses[1-i]}, {Id: aws.String("queue"), Arn: &queues[i]},
		}}))(t)
	}
	for range 2 {
		b.put(t, buses[0], `{}`)
		b.receive(t, urls[1])
	}
	for range 2 {
		b.receive(t, urls[0])
	}
	if more := must(b.queues.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: urls[0], WaitTimeSeconds: 1, MaxNumberOfMessages: 10}))(t); len(more.Messages) > 0 {
		t.Errorf("%d events came to the first bus besides those 2 that were put", len(more.Messages))
	}
}

// TestTransformersAreBounded: what a transformer makes too much of is not made; the event itself goes to the dead-letter queue.
func TestTransformersAreBounded(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	_, arn := b.queue(t, "q", "events.amazonaws.com")
	letters, lettersARN := b.queue(t, "letters", "events.amazonaws.com")
	must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"source":["my.app"]}`)}))(t)
	must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{{
		Id: aws.String("1"), Arn: &arn, DeadLetterConfig: &types.DeadLetterConfig{Arn: &lettersARN},
		InputTransformer: &types.InputTransformer{InputTemplate: aws.String("[" + strings.Repeat("<aws.events.event.json>,", 300) + "1]")},
	}}}))(t)
	for _, size := range []int{1 << 10, 100 << 10} {
		b.put(t, nil, `{"text":"`+strings.Repeat("a", size)+`"}`)
		m := strongroomtest.Receive(t, b.queues, &awssqs.ReceiveMessageInput{QueueUrl: letters, MessageAttributeNames: []string{"All"}})[0]
		if len(*m.Body) < size || len(*m.Body) > size+1<<10 || aws.ToString(m.MessageAttributes["ERROR_CODE"].StringValue) != "INVALID_PARAMETER" ||
			aws.ToString(m.MessageAttributes["TARGET_ARN"].StringValue) != arn {
			t.Errorf("a dead letter of %d bytes, %v", len(*m.Body), m.MessageAttributes)
		}
		must(b.queues.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: letters, ReceiptHandle: m.ReceiptHandle}))(t)
	}
}

// TestBusesWithKeys: what a bus would not do with a key and a dead-letter queue of its own is refused.
func TestBusesWithKeys(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	key, letters := aws.String("alias/mine"), &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:" + region + ":" + account + ":q")}
	for _, in := range []awsevents.CreateEventBusInput{{KmsKeyIdentifier: key}, {DeadLetterConfig: letters}} {
		in.Name = aws.String("mine")
		_, err := b.events.CreateEventBus(ctx, &in)
		wantCode(t, err, "NotImplemented")
		_, err = b.events.UpdateEventBus(ctx, &awsevents.UpdateEventBusInput{KmsKeyIdentifier: in.KmsKeyIdentifier, DeadLetterConfig: in.DeadLetterConfig})
		wantCode(t, err, "NotImplemented")
	}
}

// TestBusesOfOtherRegions sends events on to a bus of another Region, and to one of another account there: as the rule's
// role, which the other account's bus admits.
func TestBusesOfOtherRegions(t *testing.T) {
	t.Parallel()
	const north = server.SecondRegion
	b, ctx := newBench(t), t.Context()
	role := b.role(t, "sender", "events.amazonaws.com", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"events:PutEvents","Resource":"*"}}`)
	must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("on"), EventPattern: aws.String(`{"source":["my.app"]}`)}))(t)
	for i, place := range []struct{ profile, account string }{{"member", account}, {"backup", server.BackupAccount}} {
		cfg := b.AWS(t, place.profile, north)
		events, queues := awsevents.NewFromConfig(cfg), awssqs.NewFromConfig(cfg)
		bus := must(events.CreateEventBus(ctx, &awsevents.CreateEventBusInput{Name: aws.String("north")}))(t).EventBusArn
		queueARN := "arn:aws:sqs:" + north + ":" + place.account + ":q"
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q}}`, queueARN)
		url := must(queues.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("q"), Attributes: map[string]string{"Policy": policy}}))(t).QueueUrl
		must(events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("in"), EventBusName: aws.String("north"), EventPattern: aws.String(`{"account":["` + account + `"],"region":["` + region + `"]}`)}))(t)
		must(events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("in"), EventBusName: aws.String("north"), Targets: []types.Target{{Id: aws.String("1"), Arn: &queueARN}}}))(t)
		target := types.Target{Id: aws.String("bus"), Arn: bus, RoleArn: &role}
		if place.account != account {
			must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("on"), Targets: []types.Target{target}}))(t)
			b.put(t, nil, `{"n":"refused"}`) // the bus has no policy yet
			must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: aws.String("fence"), EventPattern: aws.String(`{"source":["my.app"]}`)}))(t)
			fence, fenceARN := b.queue(t, "fence", "events.amazonaws.com")
			must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("fence"), Targets: []types.Target{{Id: aws.String("1"), Arn: bus, RoleArn: &role, DeadLetterConfig: &types.DeadLetterConfig{Arn: &fenceARN}}}}))(t)
			b.put(t, nil, `{"n":"refused too"}`)
			b.receive(t, fence)
			must(b.events.RemoveTargets(ctx, &awsevents.RemoveTargetsInput{Rule: aws.String("fence"), Ids: []string{"1"}}))(t)
			must(events.PutPermission(ctx, &awsevents.PutPermissionInput{EventBusName: aws.String("north"), StatementId: aws.String("in"), Principal: aws.String(account), Action: aws.String("events:PutEvents")}))(t)
		}
		must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("on"), Targets: []types.Target{target}}))(t)
		b.put(t, nil, fmt.Sprintf(`{"n":"%d"}`, i))
		got := strongroomtest.Receive(t, queues, &awssqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
		if len(got) != 1 {
			t.Fatalf("%d messages came to %s", len(got), *bus)
		}
		var e struct {
			Account, Region string
			Detail          struct{ N string }
		}
		if err := json.Unmarshal([]byte(*got[0].Body), &e); err != nil || e.Account != account || e.Region != region || e.Detail.N != fmt.Sprint(i) {
			t.Errorf("%s got %s", *bus, *got[0].Body)
		}
	}
}

// TestListsComeInPages lists rules, targets and buses a few at a time.
func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t), t.Context()
	_, arn := b.queue(t, "q", "events.amazonaws.com")
	var rules, targets, buses []string
	for i := range 5 {
		name := fmt.Sprintf("name-%d", i)
		must(b.events.CreateEventBus(ctx, &awsevents.CreateEventBusInput{Name: &name}))(t)
		must(b.events.PutRule(ctx, &awsevents.PutRuleInput{Name: &name, EventPattern: aws.String(`{"source":["a"]}`)}))(t)
		must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: &name, Targets: []types.Target{{Id: aws.String("1"), Arn: &arn}}}))(t)
		must(b.events.PutTargets(ctx, &awsevents.PutTargetsInput{Rule: aws.String("name-0"), Targets: []types.Target{{Id: aws.String(fmt.Sprint(i + 1)), Arn: &arn}}}))(t)
		rules, buses, targets = append(rules, name), append(buses, name), append(targets, fmt.Sprint(i+1))
	}
	two := aws.Int32(2)
	tokens := map[string]*string{}
	for what, list := range map[string]struct {
		want []string
		page func(token *string) ([]string, *string, error)
	}{
		"rules": {rules, func(token *string) (all []string, next *string, err error) {
			out, err := b.events.ListRules(ctx, &awsevents.ListRulesInput{NamePrefix: aws.String("name-"), Limit: two, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, r := range out.Rules {
				all = append(all, *r.Name)
			}
			return all, out.NextToken, nil
		}},
		"rules of a target": {rules, func(token *string) (all []string, next *string, err error) {
			out, err := b.events.ListRuleNamesByTarget(ctx, &awsevents.ListRuleNamesByTargetInput{TargetArn: &arn, Limit: two, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			return out.RuleNames, out.NextToken, nil
		}},
		"targets": {targets, func(token *string) (all []string, next *string, err error) {
			out, err := b.events.ListTargetsByRule(ctx, &awsevents.ListTargetsByRuleInput{Rule: aws.String("name-0"), Limit: two, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, target := range out.Targets {
				all = append(all, *target.Id)
			}
			return all, out.NextToken, nil
		}},
		"buses": {buses, func(token *string) (all []string, next *string, err error) {
			out, err := b.events.ListEventBuses(ctx, &awsevents.ListEventBusesInput{NamePrefix: aws.String("name-"), Limit: two, NextToken: token})
			if err != nil {
				return nil, nil, err
			}
			for _, bus := range out.EventBuses {
				all = append(all, *bus.Name)
			}
			return all, out.NextToken, nil
		}},
	} {
		var got []string
		pages := 0
		for token := (*string)(nil); pages == 0 || token != nil; pages++ {
			some, next, err := list.page(token)
			if err != nil || len(some) > 2 {
				t.Fatalf("%s: %v, %v", what, some, err)
			}
			if next != nil {
				tokens[what] = next
			}
			got, token = append(got, some...), next
		}
		slices.Sort(got)
		if diff := cmp.Diff(list.want, got); diff != "" || pages != 3 {
			t.Errorf("%s, in %d pages (-want +got):\n%s", what, pages, diff)
		}
	}
	_, err := b.events.ListRules(ctx, &awsevents.ListRulesInput{NextToken: tokens["targets"]})
	wantCode(t, err, "ValidationException")
}
