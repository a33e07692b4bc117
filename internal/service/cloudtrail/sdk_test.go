package cloudtrail_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/wire"
)

// auditors knows the auditor of each account by an access key that is the account id.
type auditors struct{}

func (auditors) Lookup(_ context.Context, accessKeyID, _ string) (string, api.Caller, error) {
	return "secret", *user(accessKeyID, "auditor"), nil
}

func TestLookupThroughTheSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(wire.NewHandler(wire.Config{Door: w.door, Credentials: auditors{}, Clock: w.clock, Wall: clock.Wall}))
	t.Cleanup(server.Close)
	client := cloudtrail.New(cloudtrail.Options{
		Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(member, "secret", ""),
	})
	for range 5 {
		w.call(t, user(member, "alice"), &kms.DecryptInput{})
	}
	in := by(types.LookupAttributeKeyUsername, "alice")
	in.MaxResults, in.EndTime = new(int32(2)), new(w.clock.Now())
	var sizes []int
	for p := cloudtrail.NewLookupEventsPaginator(client, in); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(out.Events))
		for _, e := range out.Events {
			if !e.EventTime.Equal(w.clock.Now()) || *e.EventName != "Decrypt" || *e.ReadOnly != "true" || *e.Resources[0].ResourceType != "AWS::KMS::Key" {
				t.Errorf("event: %v", e)
			}
		}
	}
	if diff := cmp.Diff([]int{2, 2, 1}, sizes); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	_, err := client.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{NextToken: new("rubbish")})
	if refusal, ok := errors.AsType[smithy.APIError](err); !ok || refusal.ErrorCode() != "InvalidNextTokenException" {
		t.Errorf("a token of no sense is answered with %v", err)
	}
	// The record of a call over HTTP tells where it came from.
	got := w.record(t, member, &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: new("LookupEvents")}},
		MaxResults:       new(int32(1)),
	})
	if got["sourceIPAddress"] != "127.0.0.1" || got["requestID"] == "" || got["errorCode"] != "InvalidNextTokenException" {
		t.Errorf("the last lookup is recorded as %v", got)
	}
}
