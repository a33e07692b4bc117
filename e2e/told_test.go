package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cloudtrailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// tales are what a service told in a test, in the order in which it told them, to be compared with a file of testdata/told.
// What differs from run to run is replaced: ids by their number in the file, times, which must be times, by "<date>", and
// sizes by 1, or "<size>" where they are texts. Types stay, and so do names, accounts and Regions.
type tales struct {
	t   *testing.T
	all []any
	ids map[string]string
}

func newTales(t *testing.T) *tales { return &tales{t: t, ids: map[string]string{}} }

// add takes a JSON document.
func (s *tales) add(document []byte) {
	s.t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		s.t.Fatalf("%s: %v", document, err)
	}
	s.all = append(s.all, v)
}

// compare compares what was told with a file, which -update writes anew.
func (s *tales) compare(name string) {
	s.t.Helper()
	for i := range s.all {
		s.all[i] = s.normal("", s.all[i])
	}
	var got bytes.Buffer
	e := json.NewEncoder(&got)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s.all); err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join("testdata", "told", name+".json")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// ids are found anywhere in a text: the id of a recovery point, of a snapshot, a volume or a job, or a uuid.
var ids = regexp.MustCompile(`recovery-point:[\w.-]+|(snap|vol)-[0-9a-f]{8,}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)

// dates are found in texts that are JSON themselves.
var dates = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// encoded is what Amazon EC2 seals into a refusal.
var encoded = regexp.MustCompile(`(Encoded authorization failure message: )[\w+/=-]+`)

func (s *tales) normal(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		// In the order of the names, so that ids have the same numbers each time.
		for _, name := range sortedKeys(v) {
			v[name] = s.normal(name, v[name])
		}
		return v
	case []any:
		for i := range v {
			v[i] = s.normal(key, v[i])
		}
		return v
	case float64:
		if varies := slices.Contains([]string{"backupSizeInBytes", "seconds", "nanos"}, key); varies && (v != 0 || key == "nanos") {
			return 1
		}
		return v
	case string:
		return s.normalText(key, v)
	}
	return v
}

func (s *tales) normalText(key, text string) string {
	switch key {
	case "backupSizeInBytes", "bytesTransferred":
		if text == "0" {
			return text
		}
		if strings.Trim(text, "0123456789") != "" {
			s.t.Errorf("%s is %q", key, text)
		}
		return "<size>"
	case "versionId", "backupPlanVersion", "backupPlanVersionId":
		return s.id("", text)
	case "expectedCompletionDate":
		if _, err := time.Parse("Jan 2, 2006 3:04:05 PM", text); err != nil {
			s.t.Error(err)
		}
		return "<date in words>"
	}
	if _, err := time.Parse(time.RFC3339, text); err == nil {
		return "<date>"
	}
	text = encoded.ReplaceAllString(dates.ReplaceAllString(text, "<date>"), "$1<encoded>")
	return ids.ReplaceAllStringFunc(text, func(id string) string {
		if rest, ok := strings.CutPrefix(id, "recovery-point:"); ok {
			return "recovery-point:" + s.id("point", rest)
		}
		for _, kind := range []string{"snap", "vol"} {
			if strings.HasPrefix(id, kind+"-") {
				return s.id(kind, id)
			}
		}
		return s.id("", id)
	})
}

func (s *tales) id(kind, id string) string {
	if s.ids[id] == "" {
		s.ids[id] = strings.TrimSuffix(fmt.Sprintf("<id %d %s", len(s.ids)+1, kind), " ") + ">"
	}
	return s.ids[id]
}

func sortedKeys(m map[string]any) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// drain takes all that is in the mailbox.
func (m *mailbox) drain(t *testing.T) []string {
	t.Helper()
	var all []string
	for {
		got := must(m.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: m.url, WaitTimeSeconds: 1}))(t, "receiving")
		if len(got.Messages) == 0 {
			return all
		}
		for _, message := range got.Messages {
			all = append(all, *message.Body)
			must(m.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: m.url, ReceiptHandle: message.ReceiptHandle}))(t, "deleting a message")
		}
	}
}

// told sorts what is in the mailbox into tales by detail-type. An event's own id and time are checked and left out.
func (m *mailbox) told(t *testing.T, kinds map[string]*tales) {
	t.Helper()
	for _, body := range m.drain(t) {
		var e map[string]any
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatalf("not an event: %s", body)
		}
		kind, _ := e["detail-type"].(string)
		if kinds[kind] == nil {
			kinds[kind] = newTales(t)
		}
		kinds[kind].all = append(kinds[kind].all, e)
	}
}

// serviceEvents adds what CloudTrail shows in the party's account and Region of an event that AWS Backup made itself,
// the first one first.
func (p *party) serviceEvents(t *testing.T, s *tales, name string) {
	t.Helper()
	var all []string
	pages := cloudtrail.NewLookupEventsPaginator(p.cloudtrail, &cloudtrail.LookupEventsInput{LookupAttributes: []cloudtrailtypes.LookupAttribute{
		{AttributeKey: cloudtrailtypes.LookupAttributeKeyEventName, AttributeValue: &name},
	}})
	for pages.HasMorePages() {
		for _, event := range must(pages.NextPage(t.Context()))(t, "looking events up").Events {
			all = append(all, aws.ToString(event.CloudTrailEvent))
		}
	}
	if len(all) == 0 {
		t.Errorf("account %s has no event %s in %s", p.id, name, p.region)
	}
	slices.Reverse(all)
	for _, event := range all {
		s.add([]byte(event))
	}
}
