package backuppolicy_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"strongroom/backuppolicy"
)

// How many of each are in testdata/admission.txt.
const (
	wantTaken   = 111
	wantRefused = 133
)

// What CreatePolicy was seen to take and to refuse, one policy a line. The facts are those of the captures
// testdata/aws/iam/organizations_backup_*.json and organizations_plans_controls.json of https://github.com/radkawar/stackd,
// made on 2026-09-13 with unattached policies.
func TestAdmissionAsSeenAtAWS(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/admission.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	taken, refused := 0, 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		verdict, content, _ := strings.Cut(line, " ")
		_, err := backuppolicy.Parse(content)
		switch verdict {
		case "yes":
			taken++
			if err != nil {
				t.Errorf("AWS takes %s\nrefused: %v", content, err)
			}
		case "no":
			refused++
			if err == nil {
				t.Errorf("AWS refuses %s", content)
			}
		default:
			t.Fatalf("a line begins with yes or no: %s", line)
		}
	}
	if taken != wantTaken || refused != wantRefused {
		t.Errorf("%d policies to take and %d to refuse, want %d and %d", taken, refused, wantTaken, wantRefused)
	}
}
