package e2e

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

func (w *matrixWorld) ofLogs(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c := t.Context(), cloudwatchlogs.NewFromConfig(w.m.config)
	for _, group := range []string{"possessed", "spare"} {
		must(c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group}))(t, "making a log group")
	}
	for _, stream := range []string{"possessed", "spare"} {
		must(c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("possessed"), LogStreamName: &stream}))(t, "making a log stream")
	}
	set(map[string]any{
		"logs.LogGroupName": "possessed", "logs:CreateLogGroup.LogGroupName": "matrix", "logs:DeleteLogGroup.LogGroupName": "spare",
		"logs.LogStreamName": "possessed", "logs:CreateLogStream.LogStreamName": "matrix", "logs:DeleteLogStream.LogStreamName": "spare",
		"logs:DescribeLogStreams.LogGroupName": "possessed", "logs:FilterLogEvents.LogGroupName": "possessed", "logs:GetLogEvents.LogGroupName": "possessed",
		"logs.LogGroupIdentifier": "possessed", "logs.DeletionProtectionEnabled": false, "logs.RetentionInDays": int32(7),
		"logs.LogEvents":   []types.InputLogEvent{{Message: aws.String("matrix"), Timestamp: aws.Int64(time.Now().UnixMilli())}},
		"logs.ResourceArn": "arn:aws:logs:" + home + ":" + w.m.id + ":log-group:possessed", "logs.TagKeys": []string{"matrix"},
		"logs.Tags": map[string]string{"matrix": "yes"}, "logs:UntagLogGroup.Tags": []string{"matrix"},
	})
}
