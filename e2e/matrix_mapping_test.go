package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// ofMappings makes event source mappings for the function that ofLambda has made.
func (w *matrixWorld) ofMappings(t *testing.T, set func(map[string]any)) {
	t.Helper()
	ctx, c, queues := t.Context(), lambda.NewFromConfig(w.m.config), sqs.NewFromConfig(w.m.config)
	must(w.m.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("function"), PolicyName: aws.String("queues"), PolicyDocument: policy(statement{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}),
	}))(t, "letting the role read queues")
	ids := map[string]string{}
	for _, name := range []string{"mapped", "mapped-spare", "mapped-new"} {
		must(queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name}))(t, "making a queue")
		if name != "mapped-new" {
			ids[name] = *must(c.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
				FunctionName: aws.String("possessed"), EventSourceArn: aws.String("arn:aws:sqs:" + home + ":" + w.m.id + ":" + name), Enabled: aws.Bool(false),
			}))(t, "making a mapping").UUID
		}
	}
	set(map[string]any{
		"lambda:CreateEventSourceMapping.EventSourceArn": "arn:aws:sqs:" + home + ":" + w.m.id + ":mapped-new",
		"lambda.UUID": ids["mapped"], "lambda:DeleteEventSourceMapping.UUID": ids["mapped-spare"],
	})
}
