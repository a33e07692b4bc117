package rules

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/troubleshooting.md anew")

// TestTroubleshootingPage: docs/troubleshooting.md is what the catalogue says.
func TestTroubleshootingPage(t *testing.T) {
	t.Parallel()
	const name = "../docs/troubleshooting.md"
	want := troubleshooting()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the catalogue says; make docs writes it anew", name)
	}
}

const troubleshootingHead = `# Troubleshooting

<!-- Written by "make docs" from the catalogue of package rules. Do not edit. -->

What AWS Backup says when it refuses, letter for letter, why it does, and what turns it around: first what this service says too,
each entry with a test that makes the mistake, reads the message, applies the cure and sees it succeed; then what it does not say,
or not yet. Look for the words of your message; &lt;names&gt; in texts stand for what differs.

A message is told at its moment: as the error of a call, or, mostly a night later, as the StatusMessage of a job, beside the job's
MessageCategory. Of a job that has ended, ` + "`strongroom explain JOB-ID`" + ` tells more: which gate was shut, which statement is missing,
and the cure with its names filled in ([explain.md](explain.md)). Where the texts come from stands with each; those that AWS does not
publish were seen by others, whose report is linked. *DG* is the AWS Backup Developer Guide.
`

// troubleshooting is the page.
func troubleshooting() string {
	var b strings.Builder
	b.WriteString(troubleshootingHead)
	for _, section := range []struct {
		title   string
		entries []Entry
	}{
		{"Copies", copyEntries},
		{"Roles, selections, plans and vaults", vaultEntries},
		{"Backups", backupEntries},
		{"Restores", restoreEntries},
	} {
		fmt.Fprintf(&b, "\n## %s\n", section.title)
		for _, e := range section.entries {
			if e.Unreachable == "" {
				b.WriteString(e.section())
			}
		}
	}
	b.WriteString("\n## Not said here\n\nWhat AWS says and this service does not, and why.\n\n| | message | category | why not here | cause | cure | source |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, e := range Catalogue() {
		if e.Unreachable != "" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", e.ID, cell(e.Text), e.Category, cell(e.Unreachable), cell(e.Cause), cell(e.cure()), sources(e.Source))
		}
	}
	return b.String()
}

// section is the entry as a section of the page.
func (e Entry) section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n", e.ID)
	if e.Text != "" {
		fmt.Fprintf(&b, "    %s\n\n", e.Text)
	} else {
		fmt.Fprintf(&b, "    (%s, without a text of AWS's that is known)\n\n", e.Error.Code)
	}
	var when []string
	for _, m := range e.Moments {
		text := string(m)
		if m == AtOnce {
			text += ": " + e.Error.text()
		}
		when = append(when, text)
	}
	if e.Category != "" {
		when = append(when, "category "+e.Category)
	}
	fmt.Fprintf(&b, "- *When*: %s\n- *Cause*: %s\n- *Cure*: %s\n", strings.Join(when, "; "), escape(e.Cause), escape(e.cure()))
	if e.Cure.Statement != "" {
		fmt.Fprintf(&b, "\n      %s\n\n", e.Cure.Statement)
	}
	fmt.Fprintf(&b, "- *Source*: %s\n", sources(e.Source))
	return b.String()
}

func (x Exception) text() string {
	text := fmt.Sprintf("%s, HTTP %d", x.Code, max(x.Status, 400))
	if x.Number != "" {
		text += ", Code " + x.Number
	}
	return text
}

// cure is what to do, and by which call.
func (e Entry) cure() string {
	text := e.Cure.Advice
	if e.Cure.Call == "" {
		return text
	}
	text += " Call " + e.Cure.Call
	if e.Cure.Resource != "" {
		text += " on " + e.Cure.Resource
	}
	if e.Cure.AccountID != "" {
		text += " in account " + e.Cure.AccountID
	}
	for i, name := range slices.Sorted(maps.Keys(e.Cure.Parameters)) {
		text += map[bool]string{true: " with ", false: " and "}[i == 0] + name + " = " + e.Cure.Parameters[name]
	}
	return text + "."
}

func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "*", `\*`).Replace(text)
}

func cell(text string) string { return strings.ReplaceAll(escape(text), "|", `\|`) }

// sources are the entry's sources as links.
func sources(text string) string {
	var links []string
	for source := range strings.SplitSeq(text, ", ") {
		kind, name, _ := strings.Cut(source, ":")
		switch kind {
		case "DG":
			links = append(links, "[DG "+name+"](https://docs.aws.amazon.com/aws-backup/latest/devguide/"+name+".html)")
		case "KC":
			links = append(links, "[Knowledge Center, "+name+"](https://repost.aws/knowledge-center/"+name+")")
		case "GH":
			repository, number, _ := strings.Cut(name, "#")
			links = append(links, "["+name+"](https://github.com/"+repository+"/issues/"+number+")")
		default:
			links = append(links, cmp.Or(map[string]string{
				"Blog":        "tecRacer's blog of 2024-04-26 on cross-account and cross-Region backups",
				"Own":         "this service's own words, in the manner of AWS's: AWS tells of no text for this",
				"Classmethod": "[Classmethod, 2025-03-23](https://dev.classmethod.jp/articles/aws-backup-s3)",
				"Zatoima":     "zatoima.github.io on restores of EC2 instances",
			}[source], source))
		}
	}
	return strings.Join(links, ", ")
}

// TestSourcesAreKnown: every source is of a kind that the page links or names.
func TestSourcesAreKnown(t *testing.T) {
	t.Parallel()
	for _, e := range Catalogue() {
		for source := range strings.SplitSeq(e.Source, ", ") {
			switch kind, name, named := strings.Cut(source, ":"); {
			case named && name != "" && (kind == "DG" || kind == "KC" || kind == "GH" && strings.Contains(name, "#")):
			case slices.Contains([]string{"Blog", "Own", "Classmethod", "Zatoima", "the API model"}, source):
			default:
				t.Errorf("%s: nobody knows the source %q", e.ID, source)
			}
		}
	}
}
