package arn

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text     string
		want     ARN
		kind, id string
	}{
		{
			"arn:aws:backup:eu-central-1:111122223333:backup-vault:main",
			ARN{"aws", "backup", "eu-central-1", "111122223333", "backup-vault:main"},
			"backup-vault", "main",
		},
		{
			"arn:aws:iam::111122223333:role/service-role/AWSBackupDefaultServiceRole",
			ARN{"aws", "iam", "", "111122223333", "role/service-role/AWSBackupDefaultServiceRole"},
			"role", "service-role/AWSBackupDefaultServiceRole",
		},
		{"arn:aws:s3:::bucket", ARN{"aws", "s3", "", "", "bucket"}, "", "bucket"},
		{"arn:aws-cn:ec2:cn-north-1::snapshot/snap-1", ARN{"aws-cn", "ec2", "cn-north-1", "", "snapshot/snap-1"}, "snapshot", "snap-1"},
		{"arn:aws:rds:eu-central-1:1:snapshot:awsbackup:job-1", ARN{"aws", "rds", "eu-central-1", "1", "snapshot:awsbackup:job-1"}, "snapshot", "awsbackup:job-1"},
	} {
		got, err := Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.text, diff)
		}
		if kind, id := got.Split(); kind != test.kind || id != test.id {
			t.Errorf("%s splits into %q and %q, want %q and %q", test.text, kind, id, test.kind, test.id)
		}
		if got.String() != test.text {
			t.Errorf("%s prints as %s", test.text, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "malformed ARN : six parts are needed",
		"bucket":           "malformed ARN bucket: six parts are needed",
		"arn:aws:s3::":     "malformed ARN arn:aws:s3::: six parts are needed",
		"ARN:aws:s3:::b":   "malformed ARN ARN:aws:s3:::b: it does not begin with arn:",
		"arn::s3:::b":      "malformed ARN arn::s3:::b: the partition is empty",
		"arn:aws::::b":     "malformed ARN arn:aws::::b: the service is empty",
		"arn:aws:s3:::":    "malformed ARN arn:aws:s3:::: the resource is empty",
		" arn:aws:s3:::b ": "malformed ARN  arn:aws:s3:::b : it does not begin with arn:",
	} {
		got, err := Parse(text)
		if err == nil || err.Error() != want || !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if !got.IsZero() {
			t.Errorf("%q gives %+v beside the error", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"arn:aws:s3:::bucket/key", "arn:aws:backup:eu-central-1:111122223333:backup-vault:main", "arn:::::", "arn:a:b:c:d:e:f", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || !a.IsZero() {
				t.Errorf("%q: %v beside %+v", text, err, a)
			}
			return
		}
		if a.String() != text {
			t.Errorf("%q prints as %q", text, a)
		}
		kind, id := a.Split()
		if kind+id != a.Resource && len(kind)+1+len(id) != len(a.Resource) {
			t.Errorf("%q splits into %q and %q", a.Resource, kind, id)
		}
	})
}
