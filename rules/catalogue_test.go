package rules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var entryID = regexp.MustCompile(`^E([1-9]\d?)([a-z]?)$`)

// TestCatalogueIsComplete: the catalogue has every id once, in order, and every row says what a row must say.
func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	next, texts := 1, map[string]string{}
	for _, e := range Catalogue() {
		m := entryID.FindStringSubmatch(e.ID)
		if m == nil {
			t.Errorf("%q is no id", e.ID)
			continue
		}
		if number, _ := strconv.Atoi(m[1]); m[2] == "" {
			if number != next {
				t.Errorf("%s stands where E%d should", e.ID, next)
			}
			next = number + 1
		} else if number != next-1 {
			t.Errorf("%s does not follow E%d", e.ID, number)
		}
		if other := texts[e.Text]; e.Text != "" && other != "" {
			t.Errorf("%s and %s say the same", other, e.ID)
		}
		texts[e.Text] = e.ID
		switch {
		case e.Cause == "" || e.Source == "" || len(e.Moments) == 0 || e.Cure.Advice == "":
			t.Errorf("%s lacks a cause, an advice, a moment or a source", e.ID)
		case e.Unreachable == "" && e.Text == "" && e.Error.Code == "":
			t.Errorf("%s can be met and has neither a text nor an error code", e.ID)
		case e.Cure.Call != "" && !regexp.MustCompile(`^[a-z0-9]+:[A-Z][A-Za-z]+$`).MatchString(e.Cure.Call):
			t.Errorf("%s: %s is no call", e.ID, e.Cure.Call)
		}
	}
	if next != 98 {
		t.Errorf("the catalogue ends before E%d", next)
	}
}

// TestCatalogueNamesEveryEntry: no entry is declared and left out of the table.
func TestCatalogueNamesEveryEntry(t *testing.T) {
	t.Parallel()
	declared := 0
	files, err := fs.Glob(os.DirFS("."), "catalogue_*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("files of the catalogue: %v, %v", files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if value, is := n.(*ast.ValueSpec); is && len(value.Values) == 1 {
				if literal, is := value.Values[0].(*ast.CompositeLit); is {
					if of, is := literal.Type.(*ast.Ident); is && of.Name == "Entry" {
						declared++
					}
				}
			}
			return true
		})
	}
	if got := len(Catalogue()); got != declared {
		t.Errorf("%d entries are declared, and the catalogue has %d", declared, got)
	}
}

// TestCategoryOfEveryEntry: a message is sorted by its words as its row says, whatever stands for its names.
func TestCategoryOfEveryEntry(t *testing.T) {
	t.Parallel()
	for _, e := range Catalogue() {
		if e.Text == "" || e.Category == "" {
			continue
		}
		for i := range 2 {
			v := Values{}
			for _, name := range parameter.FindAllString(e.Text, -1) {
				v[strings.Trim(name, "<>")] = []string{"arn:aws:kms:eu-central-1:111111111111:key/1", "Copy of a KMS key that does not exist"}[i]
			}
			if got := Category(e.Message(v)); got != e.Category {
				t.Errorf("%s: Category(%q) = %s, want %s", e.ID, e.Message(v), got, e.Category)
			}
		}
	}
}

// TestRefuseFillsTheNames: what a decision of this package says has no name left open.
func TestRefuseFillsTheNames(t *testing.T) {
	t.Parallel()
	request := CopyRequest{
		RecoveryPointARN: "arn:aws:ec2:eu-central-1::snapshot/snap-1", ResourceType: "EBS", PointStatus: "COMPLETED", ManagementAccountID: "999999999999",
		Source:            Place{"111111111111", "eu-central-1", "v", "arn:aws:backup:eu-central-1:111111111111:backup-vault:v"},
		Destination:       Place{"222222222222", "eu-north-1", "w", "arn:aws:backup:eu-north-1:222222222222:backup-vault:w"},
		DestinationExists: true, SourceOrganization: "o-1", DestinationOrganization: "o-1", TrustedAccess: true, CrossAccountEnabled: true,
		SourceKey: Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/1", Kind: CustomerManaged}, DestinationKey: Key{ARN: "arn:aws:kms:eu-north-1:222222222222:key/2", Kind: CustomerManaged},
	}
	with := func(change func(*CopyRequest)) *Refusal {
		r := request
		change(&r)
		_, refusal := DecideCopy(On(2024, 4, 26), r)
		return refusal
	}
	backups, ebs := Key{ARN: "k", Kind: AWSManaged, Alias: "aws/backup"}, Key{ARN: "k", Kind: AWSManaged, Alias: "aws/ebs"}
	databases := func(r *CopyRequest) { r.ResourceType = "RDS" }
	for id, refusal := range map[string]*Refusal{
		"E1":  with(func(r *CopyRequest) { r.CrossAccountEnabled = false }),
		"E2":  with(func(r *CopyRequest) { r.DestinationOrganization = "" }),
		"E3":  with(databases),
		"E4":  with(func(r *CopyRequest) { r.DestinationKey = backups }),
		"E5":  RefuseCopyInto(request),
		"E6":  with(func(r *CopyRequest) { databases(r); r.Destination.Region = "eu-central-1"; r.SourceKey = ebs }),
		"E7":  RefuseSourceKey(request),
		"E8":  RefuseSourceKey(CopyRequest{ResourceType: "EC2", Source: request.Source, Destination: request.Destination, SourceKey: request.SourceKey}),
		"E9":  RefuseMissingKey("arn:aws:kms:eu-central-1:111111111111:key/1"),
		"E10": RefuseKey("arn:aws:kms:eu-central-1:111111111111:key/1"),
		"E11": with(func(r *CopyRequest) { r.SourceKey = ebs }),
		"E18": with(func(r *CopyRequest) { r.Lock = LockRange{Min: 7, Max: 30} }),
		"E24": with(func(r *CopyRequest) { r.ResourceType, r.DestinationKey = "Storage Gateway", backups }),
		"E27": with(func(r *CopyRequest) { r.ResourceType = "Redshift" }),
		"E28": with(func(r *CopyRequest) { r.DestinationExists = false }),
		"E29": with(func(r *CopyRequest) { r.PointStatus = "DELETING" }),
		"E60": LockRange{Min: 7}.RefuseBackup(Lifecycle{DeleteAfterDays: days(1)}, request.Source),
	} {
		if refusal == nil || refusal.ID != id {
			t.Errorf("%s is not refused so: %+v", id, refusal)
			continue
		}
		if open := parameter.FindString(fmt.Sprint(refusal.Message, refusal.Cause, refusal.Fix)); open != "" {
			t.Errorf("%s leaves %s open: %+v", id, open, refusal)
		}
	}
}

// TestTextsStandInTheCatalogueOnly: no other file has the words of an entry.
func TestTextsStandInTheCatalogueOnly(t *testing.T) {
	t.Parallel()
	long := map[string]string{} // the longest piece without a name, by id
	for _, e := range Catalogue() {
		for _, literal := range parameter.Split(e.Text, -1) {
			if len(literal) > len(long[e.ID]) && len(literal) >= 20 {
				long[e.ID] = literal
			}
		}
	}
	for _, own := range []Entry{ServiceDenied, ListsDisabled, SnapshotKeyUnusable, DatabaseKeyInaccessible, RegionKeyMissing, ResourceNotInAvailable, ResourceNotAvailable} { // EC2's, S3's and RDS's own words, which they say without AWS Backup too
		delete(long, own.ID)
	}
	read := 0
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"),
			strings.HasPrefix(name, "rules/catalogue_"), name == "rules/message.go":
			return nil
		}
		text, err := fs.ReadFile(os.DirFS(".."), name)
		read++
		for id, literal := range long {
			if strings.Contains(string(text), literal) {
				t.Errorf("%s has the words of %s: %q", name, id, literal)
			}
		}
		return err
	})
	if err != nil || read < 100 {
		t.Errorf("read %d files: %v", read, err)
	}
}
