package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestCopierPage deploys the copier by the commands of docs/copier.md as they are written, those of member accounts in the member's:
// then a database that arrives in the backup account goes on with its tags, the member's account has told of its first hop, and there
// are no dead letters.
func TestCopierPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "copier.md"))
	if err != nil {
		t.Fatal(err)
	}
	w := solutionWithoutQueues(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	packCopier(t, filepath.Join(dir, "bin", "strongroom-copier.zip"))
	if err := os.Symlink(filepath.Join(root(t), "examples"), filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	// What the member's account is told to forward comes here, too.
	forwarded := w.second.mailbox(t, "forwarded", "events.amazonaws.com")
	forwarded.listen(t, "forwarded", `{"account":["`+member+`"],"detail-type":["Copy Job State Change"]}`)

	script, _ := tour(t, string(page), "Deploying it")
	script = strings.ReplaceAll(script, "aws sqs ", "aws sqs --endpoint-url "+w.s.Endpoint()+" ") // for aws-cli 1: docs/running.md
	var asWhom strings.Builder
	for line := range strings.Lines(script) {
		profile := "backup"
		if strings.Contains(line, "first-hop") {
			profile = "member"
		}
		if strings.HasPrefix(strings.TrimSpace(line), "aws ") {
			asWhom.WriteString("AWS_PROFILE=" + profile + " ")
		}
		asWhom.WriteString(line)
	}
	if n := strings.Count(asWhom.String(), "AWS_PROFILE=member "); n != 4 {
		t.Errorf("%d commands are the member's:\n%s", n, asWhom.String())
	}
	profiles := w.s.ProfilesDir()
	walk(t, dir, asWhom.String(), nil, "AWS_CONFIG_FILE="+profiles+"/config", "AWS_SHARED_CREDENTIALS_FILE="+profiles+"/credentials", "AWS_PROFILE=backup")

	point := w.fresh("RDS")
	w.arrives(point)
	if tags := w.tagsOf(w.hopsFrom(point)[0]); tags["backup"] != "daily" {
		t.Errorf("the final copy has the tags %v", tags)
	}
	if told := forwarded.receive(t); !strings.Contains(told, point) {
		t.Errorf("the member's account has told of %s", told)
	}
	client := sqs.NewFromConfig(w.second.config)
	dead := must(client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("second-hop-dead")}))(t, "finding the dead letters")
	(&mailbox{w.second, client, dead.QueueUrl, ""}).empty(t)
}
