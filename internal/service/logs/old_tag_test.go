package logs_test

import (
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"strongroom/internal/strongroomtest"
)

// TestOldTagOperations tags a group by the operations that older clients have.
func TestOldTagOperations(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	c, ctx, group := cloudwatchlogs.NewFromConfig(s.AWS(t, "member", "eu-central-1")), t.Context(), aws.String("old")
	if _, err := c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TagLogGroup(ctx, &cloudwatchlogs.TagLogGroupInput{LogGroupName: group, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil { //nolint:staticcheck // older clients call it
		t.Fatal(err)
	}
	if _, err := c.UntagLogGroup(ctx, &cloudwatchlogs.UntagLogGroupInput{LogGroupName: group, Tags: []string{"a"}}); err != nil { //nolint:staticcheck // older clients call it
		t.Fatal(err)
	}
	got, err := c.ListTagsLogGroup(ctx, &cloudwatchlogs.ListTagsLogGroupInput{LogGroupName: group}) //nolint:staticcheck // older clients call it
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"b": "2"}; !maps.Equal(got.Tags, want) {
		t.Errorf("the tags are %v, not %v", got.Tags, want)
	}
}
