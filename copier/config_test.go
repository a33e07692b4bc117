package copier

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/clock"
)

func TestConfigurationsThatAreWrong(t *testing.T) {
	t.Parallel()
	good := map[string]string{"INTERMEDIATE_VAULTS": firstVault, "FINAL_VAULTS": finalVault, "ROLE_ARN": role}
	tests := []struct{ name, value, says string }{
		{"INTERMEDIATE_VAULTS", "", "no intermediate vault"},
		{"INTERMEDIATE_VAULTS", "first", `"first" is not the ARN of a backup vault`},
		{"INTERMEDIATE_VAULTS", firstVault + ",arn:aws:backup:eu-central-1:111111111111:backup-vault:x", "different accounts"},
		{"FINAL_VAULTS", "", "no final vault"},
		{"FINAL_VAULTS", firstVault, "copied on for ever"},
		{"ROLE_ARN", "copies", "not the ARN of a role"},
		{"WINDOW", "720h", "too long"},
		{"DELETE_INTERMEDIATE", "yes", "never or when-final-complete"},
		{"DELETE_MARGIN", "-1h", "negative"},
		{"LIFECYCLE", `{"Days":3}`, `unknown field "Days"`},
		{"ROUTES", `[{"To":[]}]`, "a route has no final vault"},
		{"ROUTES", `[{"From":"` + finalVault + `","To":["` + thirdVault + `"]}]`, "no intermediate vault"},
		{"ROUTES", `[] []`, "something follows"},
		{"MAX_ATTEMPTS", "many", "COPIER_MAX_ATTEMPTS"},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.value, func(t *testing.T) {
			t.Parallel()
			_, err := FromEnvironment(func(name string) (string, bool) {
				name = strings.TrimPrefix(name, "COPIER_")
				if name == test.name {
					return test.value, true
				}
				return good[name], true
			})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v, which does not say %q", err, test.says)
			}
		})
	}
}

func TestBackoffDoubles(t *testing.T) {
	t.Parallel()
	c := Config{Backoff: 5 * time.Minute}
	for failures, want := range map[int]time.Duration{1: 5 * time.Minute, 2: 10 * time.Minute, 3: 20 * time.Minute, 50: 6 * time.Hour} {
		if got := c.backoff(failures); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}

func TestNatureOfJobs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		category, message string
		want              nature
	}{
		{"LIMIT_EXCEEDED", "", passing},
		{"", "Rate exceeded", passing},
		{"", "Cannot create more than 20 snapshots. Please try again later", passing},
		{"KMS_KEY_ERROR", "", lasting},
		{"", "Access Denied trying to call AWS Backup service", lasting},
		{"", "Copy job failed. The specified retention is outside the range of the vault lock", lasting},
		{"MISCELLANEOUS", "Something went wrong", unknown},
	} {
		job := types.CopyJob{MessageCategory: aws.String(test.category), StatusMessage: aws.String(test.message)}
		if got := natureOfJob(job); got != test.want {
			t.Errorf("%s %q is %s, want %s", test.category, test.message, got, test.want)
		}
	}
	if got := natureOf(during("ListCopyJobs", errors.New("connection refused"))); got != passing {
		t.Errorf("a broken connection is %s", got)
	}
}

// The lines must have the form that CloudWatch looks for: the metric's name among the metrics and as a member, its dimensions
// as members.
func TestMetricsAreInTheEmbeddedFormat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := NewMetrics(&out, clock.NewFrozen(noon))
	v, err := ParseVault(finalVault)
	if err != nil {
		t.Fatal(err)
	}
	m.Count("HopsStarted", v, 2)
	m.Count("HopsFailed", v, 0)
	var line struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
		HopsStarted   float64
		Region, Vault string
	}
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&line); err != nil || d.More() {
		t.Fatalf("the line is %+v, %v", line, err)
	}
	directive := line.AWS.CloudWatchMetrics[0]
	if line.AWS.Timestamp != noon.UnixMilli() || directive.Namespace != "Strongroom/Copier" || directive.Metrics[0].Name != "HopsStarted" || directive.Metrics[0].Unit != "Count" ||
		strings.Join(directive.Dimensions[0], " ") != "Region Vault" || line.HopsStarted != 2 || line.Region != "eu-north-1" || line.Vault != "final" {
		t.Errorf("the line is %+v", line)
	}
}
