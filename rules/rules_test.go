package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strongroom/arn"
)

func days(n int64) *int64 { return &n }

var article = On(2024, time.April, 26)

func TestAsOf(t *testing.T) {
	t.Parallel()
	rds, _ := CapabilityOf("RDS")
	for text, want := range map[string]bool{"current": true, "": true, "2024-04-26": false, "2025-10-22": false, "2025-10-23": true} {
		a, err := ParseAsOf(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := rds.OneAction.At(a); got != want {
			t.Errorf("as of %q RDS crosses account and Region in one action: %v, want %v", text, got, want)
		}
	}
	if _, err := ParseAsOf("yesterday"); err == nil {
		t.Error("yesterday is no date")
	}
}

func TestTypesOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"arn:aws:ec2:eu-central-1:111111111111:volume/vol-1":        "EBS",
		"arn:aws:ec2:eu-central-1:111111111111:instance/i-1":        "EC2",
		"arn:aws:s3:::bucket":                                       "S3",
		"arn:aws:s3:::bucket/key":                                   "",
		"arn:aws:rds:eu-central-1:111111111111:db:orders":           "RDS",
		"arn:aws:rds:eu-central-1:111111111111:cluster:c":           "Aurora DocumentDB Neptune RDS",
		"arn:aws:elasticfilesystem:r:111111111111:file-system/fs-1": "EFS",
		"arn:aws:sqs:eu-central-1:111111111111:queue":               "",
	} {
		a, err := arn.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(TypesOf(a), " "); got != want {
			t.Errorf("TypesOf(%s) = %q, want %q", text, got, want)
		}
	}
}

var (
	cmrk = Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/cmrk", Kind: CustomerManaged}
	cmvk = Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/cmvk", Kind: CustomerManaged}
	dest = Key{ARN: "arn:aws:kms:eu-north-1:222222222222:key/cmvk", Kind: CustomerManaged}

	awsBackup = Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/backup", Kind: AWSManaged, Alias: "aws/backup"}
	awsEBS    = Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/ebs", Kind: AWSManaged, Alias: "aws/ebs"}
	awsRDS    = Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/rds", Kind: AWSManaged, Alias: "aws/rds"}
)

// TestSealingKey is "which key encrypts a backup" of the developer guide.
func TestSealingKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		resourceType   string
		resource, want Key
	}{
		{"S3 is sealed under the vault's key", "S3", cmrk, cmvk},
		{"S3 without encryption still is", "S3", Key{}, cmvk},
		{"EBS keeps the volume's key", "EBS", cmrk, cmrk},
		{"an unencrypted volume's snapshot is unencrypted", "EBS", Key{}, Key{}},
		{"RDS keeps the instance's key", "RDS", cmrk, cmrk},
		{"Aurora keeps the cluster's key", "Aurora", awsRDS, awsRDS},
		{"EFS is sealed under the vault's key", "EFS", cmrk, cmvk},
	} {
		if got := SealingKey(Current, test.resourceType, test.resource, cmvk); got != test.want {
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
}

func request(change func(*CopyRequest)) CopyRequest {
	r := CopyRequest{
		RecoveryPointARN: "arn:rp", ResourceType: "S3", PointStatus: "COMPLETED", DestinationExists: true,
		Source:      Place{AccountID: "111111111111", Region: "eu-central-1", VaultName: "local", VaultARN: "arn:local"},
		Destination: Place{AccountID: "222222222222", Region: "eu-north-1", VaultName: "central", VaultARN: "arn:central"},
		SourceKey:   cmvk, DestinationKey: dest,
		SourceOrganization: "o-a1b2c3d4e5", DestinationOrganization: "o-a1b2c3d4e5", ManagementAccountID: "999999999999", TrustedAccess: true, CrossAccountEnabled: true,
	}
	if change != nil {
		change(&r)
	}
	return r
}

// TestDecideCopy is the error catalogue of cross-account and cross-Region copies.
func TestDecideCopy(t *testing.T) {
	t.Parallel()
	of := func(resourceType string, source Key) func(*CopyRequest) {
		return func(r *CopyRequest) { r.ResourceType, r.SourceKey = resourceType, source }
	}
	with := func(changes ...func(*CopyRequest)) func(*CopyRequest) {
		return func(r *CopyRequest) {
			for _, change := range changes {
				change(r)
			}
		}
	}
	sameAccount := func(r *CopyRequest) {
		r.Destination.AccountID, r.DestinationOrganization = "111111111111", r.SourceOrganization
	}
	sameRegion := func(r *CopyRequest) { r.Destination.Region = "eu-central-1" }
	intoManaged := func(r *CopyRequest) { r.DestinationKey = awsBackup }
	for _, test := range []struct {
		name     string
		asOf     AsOf
		change   func(*CopyRequest)
		key      Key    // of the copy, when allowed
		message  string // of the refusal
		category string
		call     string // of the fix
	}{
		{name: "S3 crosses account and Region in one action", change: of("S3", cmvk), key: dest},
		{name: "EBS does so, re-encrypted under the destination vault's key", change: of("EBS", cmrk), key: dest},
		{name: "an unencrypted volume's copy is encrypted", change: of("EBS", Key{}), key: dest},
		{name: "an unencrypted Aurora cluster's copy stays unencrypted", change: of("Aurora", Key{})},
		{name: "RDS in one action today", change: of("RDS", cmrk), key: dest},
		{
			name: "RDS in one action before 2025-10-23", asOf: article, change: of("RDS", cmrk), category: UnsupportedOperation, call: "backup:StartCopyJob",
			message: "Copy job from eu-central-1 to eu-north-1 cannot be initiated for RDS resources. Feature is not supported for provided resource type.",
		},
		{
			name: "RDS under aws/rds into another Region", change: with(of("RDS", awsRDS), sameAccount), key: dest,
		},
		{name: "an unencrypted RDS instance's copy is encrypted", change: of("RDS", Key{}), key: dest},
		{name: "RDS into aws/backup of another Region", change: with(of("RDS", cmrk), intoManaged, sameAccount), message: ManagedDestination.Text, category: AccessDenied, call: "backup:CreateBackupVault"},
		{
			name: "a Multi-AZ cluster of RDS is not copied at all", category: ResourceNotSupported, message: "Unsupported resource type",
			change: with(of("RDS", cmrk), func(r *CopyRequest) {
				r.RecoveryPointARN = "arn:aws:rds:eu-central-1:111111111111:cluster-snapshot:awsbackup:job-1"
			}),
		},
		{name: "RDS into another account alone", asOf: article, change: with(of("RDS", cmrk), sameRegion), key: dest},
		{name: "RDS into another Region alone", asOf: article, change: with(of("RDS", cmrk), sameAccount), key: dest},
		{
			name: "another organization", change: func(r *CopyRequest) { r.DestinationOrganization = "o-other" }, category: AccessDenied, call: "organizations:InviteAccountToOrganization",
			message: "Copy job failed. Both source and destination account must be a member of the same organization.",
		},
		{
			name: "no organization", change: func(r *CopyRequest) { r.SourceOrganization, r.DestinationOrganization = "", "" }, category: AccessDenied, call: "organizations:InviteAccountToOrganization",
			message: "Copy job failed. Both source and destination account must be a member of the same organization.",
		},
		{
			name: "feature off", change: func(r *CopyRequest) { r.CrossAccountEnabled = false }, category: FeatureNotEnabled, call: "backup:UpdateGlobalSettings",
			message: "Copy job failed. Cross-account copy feature is not enabled for the current organization.",
		},
		{name: "feature off within the account", change: with(sameAccount, func(r *CopyRequest) { r.CrossAccountEnabled = false }), key: dest},
		{name: "EBS into aws/backup of another account", change: with(of("EBS", cmrk), intoManaged), message: ManagedDestination.Text, category: AccessDenied, call: "backup:CreateBackupVault"},
		{name: "EBS into aws/backup of another Region", change: with(of("EBS", cmrk), intoManaged, sameAccount), message: ManagedDestination.Text, category: AccessDenied, call: "backup:CreateBackupVault"},
		{name: "S3 into aws/backup of another account", change: intoManaged, key: awsBackup},
		{name: "S3 into the Default vault of another account", change: with(intoManaged, func(r *CopyRequest) { r.Destination.VaultName = "Default" }), message: ManagedDestination.Text, category: AccessDenied, call: "backup:CreateBackupVault"},
		{name: "S3 out of aws/backup into another account", change: of("S3", awsBackup), message: ManagedDestination.Text, category: AccessDenied, call: "backup:CreateBackupVault"},
		{name: "S3 out of aws/backup into another Region", change: with(of("S3", awsBackup), sameAccount), key: dest},
		{
			name: "EBS under aws/ebs into another account", change: of("EBS", awsEBS), category: AccessDenied, call: "kms:CreateKey",
			message: "Snapshots encrypted with the AWS managed key can't be shared. Specify another snapshot.",
		},
		{name: "EBS under aws/ebs into another Region", change: with(of("EBS", awsEBS), sameAccount), key: dest},
		{
			name: "RDS under aws/rds into another account", change: of("RDS", awsRDS), category: KMSKeyError, call: "kms:CreateKey",
			message: "The source snapshot KMS key [" + awsRDS.ARN + "] does not exist, is not enabled or you do not have permissions to access it.",
		},
		{
			name: "no such vault", change: func(r *CopyRequest) { r.DestinationExists = false }, category: ResourceNotFound, call: "kms:CreateKey",
			message: "Could not find cryopod arn:central",
		},
		{name: "point gone", change: func(r *CopyRequest) { r.PointStatus = "EXPIRED" }, category: ResourceNotFound, message: "Cannot find recovery point arn:rp"},
		{name: "Redshift is not copied at all", change: of("Redshift", cmrk), category: ResourceNotSupported, message: "Unsupported resource type"},
		{
			name: "CloudFormation does not cross accounts", change: of("CloudFormation", cmvk), category: UnsupportedOperation,
			message: "Copy job from eu-central-1 to eu-north-1 cannot be initiated for CloudFormation resources. Feature is not supported for provided resource type.",
		},
		{
			name: "retention shorter than the lock", category: InvalidLifecycle, call: "backup:StartCopyJob",
			change:  func(r *CopyRequest) { r.Lock, r.Lifecycle = LockRange{Min: 30}, Lifecycle{DeleteAfterDays: days(7)} },
			message: "Copy job failed. The retention specified in the job is not within the range specified for the target Backup Vault.",
		},
		{
			name: "for ever under a lock with a maximum", category: InvalidLifecycle, call: "backup:StartCopyJob",
			change:  func(r *CopyRequest) { r.Lock = LockRange{Max: 30} },
			message: "Copy job failed. The retention specified in the job is not within the range specified for the target Backup Vault.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			decision, refusal := DecideCopy(test.asOf, request(test.change))
			if test.message == "" {
				if refusal != nil {
					t.Fatalf("refused: %s (%s)", refusal.Message, refusal.Cause)
				}
				if decision.Key != test.key {
					t.Errorf("sealed under %+v, want %+v", decision.Key, test.key)
				}
				return
			}
			if refusal == nil {
				t.Fatalf("allowed, want %q", test.message)
			}
			if diff := cmp.Diff([]string{test.message, test.category, test.call}, []string{refusal.Message, refusal.Category, refusal.Fix.Call}); diff != "" {
				t.Errorf("message, category, fix (-want +got):\n%s", diff)
			}
			if refusal.Cause == "" {
				t.Error("no cause")
			}
			if got := Category(refusal.Message); got != test.category {
				t.Errorf("Category(%q) = %s, want %s", refusal.Message, got, test.category)
			}
		})
	}
}

// TestOneActionByDate: until 2025-10-23 the four types of databases do not cross account and Region at once, neither on the way
// out nor on the way back, and from that day on they do.
func TestOneActionByDate(t *testing.T) {
	t.Parallel()
	for _, resourceType := range []string{"RDS", "Aurora", "DocumentDB", "Neptune"} {
		for _, back := range []bool{false, true} {
			r := request(func(r *CopyRequest) {
				r.ResourceType, r.SourceKey = resourceType, cmrk
				if back {
					r.Source, r.Destination, r.SourceKey, r.DestinationKey = r.Destination, r.Source, dest, cmvk
				}
			})
			for _, a := range []AsOf{article, On(2025, time.October, 22)} {
				want := "Copy job from " + r.Source.Region + " to " + r.Destination.Region + " cannot be initiated for " + resourceType + " resources. Feature is not supported for provided resource type."
				if _, refusal := DecideCopy(a, r); refusal == nil || refusal.Message != want || refusal.Fix.Parameters["DestinationRegion"] != r.Source.Region {
					t.Errorf("as of %s %s is refused with %+v", a, resourceType, refusal)
				}
			}
			for _, a := range []AsOf{On(2025, time.October, 23), Current} {
				if decision, refusal := DecideCopy(a, r); refusal != nil || decision.Key != r.DestinationKey {
					t.Errorf("as of %s %s is refused with %+v, or sealed under %+v", a, resourceType, refusal, decision.Key)
				}
			}
		}
	}
}

func TestHops(t *testing.T) {
	t.Parallel()
	r := request(nil)
	for _, test := range []struct {
		resourceType string
		asOf         AsOf
		want         int
	}{{"RDS", article, 2}, {"RDS", Current, 1}, {"S3", article, 1}, {"Redshift", Current, 0}, {"CloudFormation", Current, 0}} {
		if got := Hops(test.asOf, test.resourceType, r.Source, r.Destination); len(got) != test.want {
			t.Errorf("%s as of %s: %d hops, want %d", test.resourceType, test.asOf, len(got), test.want)
		}
	}
	if via := Hops(article, "RDS", r.Source, r.Destination)[0]; via.AccountID != "222222222222" || via.Region != "eu-central-1" {
		t.Errorf("the first hop goes to %+v; the account comes first", via)
	}
}

func TestLifecycleValidate(t *testing.T) {
	t.Parallel()
	const (
		outOfRange = "Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than 36500 days"
		tooNear    = "Invalid lifecycle. DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays"
	)
	for _, test := range []struct {
		delete, cold *int64
		continuous   bool
		want         string
	}{
		{nil, nil, false, ""},
		{days(-1), nil, false, ""},
		{days(1), nil, false, ""},
		{days(36500), nil, false, ""},
		{days(0), nil, false, outOfRange},
		{days(36501), nil, false, outOfRange},
		{days(100), days(10), false, ""},
		{days(99), days(10), false, tooNear},
		{days(14), days(0), false, tooNear},
		{nil, days(10), false, ""},
		{days(35), nil, true, ""},
		{days(84), nil, true, outOfRange},
		{nil, nil, true, outOfRange},
		{days(35), days(1), true, "Invalid lifecycle. MoveToColdStorageAfterDays is unavailable"},
	} {
		got := ""
		if refusal := (Lifecycle{DeleteAfterDays: test.delete, MoveToColdStorageAfterDays: test.cold}).Validate(test.continuous); refusal != nil {
			got = refusal.Message
		}
		if got != test.want {
			t.Errorf("delete %v cold %v continuous %v: %q, want %q", test.delete, test.cold, test.continuous, got, test.want)
		}
	}
}

func TestLifecycleDates(t *testing.T) {
	t.Parallel()
	created := time.Date(2024, 2, 28, 5, 0, 0, 0, time.UTC)
	l := Lifecycle{DeleteAfterDays: days(120), MoveToColdStorageAfterDays: days(2)}
	if got := l.MoveToColdStorageAt(created); !got.Equal(time.Date(2024, 3, 1, 5, 0, 0, 0, time.UTC)) {
		t.Errorf("moves at %s", got)
	}
	if got := l.DeleteAt(created); !got.Equal(created.Add(120 * 24 * time.Hour)) {
		t.Errorf("deletes at %s", got)
	}
	if got := (Lifecycle{DeleteAfterDays: days(-1)}).DeleteAt(created); !got.IsZero() {
		t.Errorf("for ever ends at %s", got)
	}
	if l.For(Current, "RDS").MoveToColdStorageAfterDays != nil || l.For(Current, "EFS").MoveToColdStorageAfterDays == nil {
		t.Error("cold storage is EFS's, not RDS's")
	}
	if got := (Lifecycle{DeleteAfterDays: days(-1)}).Inherit(l); *got.DeleteAfterDays != 120 {
		t.Errorf("a copy for ever keeps %d days, want the source's", *got.DeleteAfterDays)
	}
}

func TestLockRange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lock LockRange
		keep *int64
		want bool
	}{
		{LockRange{}, nil, true},
		{LockRange{Min: 7}, days(7), true},
		{LockRange{Min: 7}, days(6), false},
		{LockRange{Min: 7}, nil, true},
		{LockRange{Max: 30}, days(30), true},
		{LockRange{Max: 30}, days(31), false},
		{LockRange{Max: 30}, nil, false},
		{LockRange{Max: 30}, days(-1), false},
	} {
		if got := test.lock.Admits(Lifecycle{DeleteAfterDays: test.keep}); got != test.want {
			t.Errorf("%+v admits %v: %v, want %v", test.lock, test.keep, got, test.want)
		}
	}
}

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	zone := func(name string) *time.Location {
		found, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	berlin, cairo, howe := zone("Europe/Berlin"), zone("Africa/Cairo"), zone("Australia/Lord_Howe")
	for _, test := range []struct {
		schedule string
		zone     *time.Location
		after    string
		want     string
	}{
		{DefaultSchedule, time.UTC, "2024-04-26T05:00:00Z", "2024-04-27T05:00:00Z"},
		{DefaultSchedule, time.UTC, "2024-04-26T04:59:59Z", "2024-04-26T05:00:00Z"},
		{DefaultSchedule, berlin, "2024-04-26T05:00:00Z", "2024-04-27T03:00:00Z"},
		{"cron(15 10 ? * 6L 2024-2026)", time.UTC, "2024-04-01T00:00:00Z", "2024-04-26T10:15:00Z"}, // the last Friday
		{"cron(0 18 ? * MON-FRI *)", time.UTC, "2024-04-26T18:00:00Z", "2024-04-29T18:00:00Z"},
		{"cron(0 10 * * ? *)", time.UTC, "2024-04-26T18:00:00Z", "2024-04-27T10:00:00Z"},
		{"cron(0 8 1 * ? *)", time.UTC, "2024-04-26T18:00:00Z", "2024-05-01T08:00:00Z"},
		{"cron(0 8 L * ? *)", time.UTC, "2024-02-10T00:00:00Z", "2024-02-29T08:00:00Z"},
		{"cron(0 8 1W * ? *)", time.UTC, "2024-05-20T00:00:00Z", "2024-06-03T08:00:00Z"},  // June 1st is a Saturday
		{"cron(0 8 ? * 2#1 *)", time.UTC, "2024-04-26T00:00:00Z", "2024-05-06T08:00:00Z"}, // the first Monday
		{"cron(0 0/6 * * ? *)", time.UTC, "2024-04-26T06:00:00Z", "2024-04-26T12:00:00Z"},
		{"cron(0 */12 * * ? *)", time.UTC, "2024-04-26T06:00:00Z", "2024-04-26T12:00:00Z"},
		{"cron(0 0 ? * 1 *)", time.UTC, "2024-04-26T06:00:00Z", "2024-04-28T00:00:00Z"}, // 1 is Sunday
		{"cron(0 5 31 2 ? *)", time.UTC, "2024-04-26T06:00:00Z", ""},
		{"cron(0 5 1 1 ? 2023)", time.UTC, "2024-04-26T06:00:00Z", ""},
		{"cron(30 2 * * ? *)", berlin, "2024-03-30T12:00:00Z", "2024-04-01T00:30:00Z"}, // 02:30 is skipped on the 31st
		{"cron(0 2 * * ? *)", berlin, "2024-03-30T12:00:00Z", "2024-04-01T00:00:00Z"},  // so is 02:00, when the clocks go to 03:00
		{"cron(0 3 * * ? *)", berlin, "2024-03-30T12:00:00Z", "2024-03-31T01:00:00Z"},
		{"cron(0 * * * ? *)", berlin, "2024-03-31T00:00:00Z", "2024-03-31T01:00:00Z"}, // hourly: 01:00, then 03:00
		{"cron(0 * * * ? *)", berlin, "2024-10-27T00:00:00Z", "2024-10-27T02:00:00Z"}, // 02:00 once, then 03:00
		{"cron(0 0 * * ? *)", cairo, "2024-04-25T00:00:00Z", "2024-04-26T21:00:00Z"},  // midnight of the 26th is skipped
		{"cron(45 1 * * ? *)", howe, "2024-04-06T00:00:00Z", "2024-04-06T14:45:00Z"},  // half an hour comes twice
		{"cron(45 1 * * ? *)", howe, "2024-04-06T14:45:00Z", "2024-04-07T15:15:00Z"},
		{"cron(30 2 * * ? *)", berlin, "2024-10-26T12:00:00Z", "2024-10-27T00:30:00Z"}, // 02:30 comes twice: the first
		{"cron(30 2 * * ? *)", berlin, "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"},
		{"rate(12 hours)", time.UTC, "2024-04-26T06:00:00Z", "2024-04-26T18:00:00Z"},
	} {
		s, err := ParseSchedule(test.schedule)
		if err != nil {
			t.Errorf("%s: %v", test.schedule, err)
			continue
		}
		after, err := time.Parse(time.RFC3339, test.after)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if next := s.Next(after, test.zone); !next.IsZero() {
			got = next.UTC().Format(time.RFC3339)
		}
		if got != test.want {
			t.Errorf("%s after %s: %s, want %s", test.schedule, test.after, got, test.want)
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "0 5 * * ? *", "cron(0 5 * * *)", "cron(0 5 * * * *)", "cron(60 5 * * ? *)", "cron(0 24 * * ? *)", "cron(0 5 ? * 8 *)",
		"cron(0/15 * * * ? *)", "cron(*/5 * ? * * *)", "cron(0 5 32 * ? *)", "cron(0 5 ? FOO * *)", "rate(30 minutes)", "rate(1 hours)", "rate(0 hours)", "rate(hours)",
	} {
		if _, err := ParseSchedule(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// FuzzSchedule has the law that a run lies behind the time it was asked for, and asking from just before it finds it
// again.
func FuzzSchedule(f *testing.F) {
	f.Add(DefaultSchedule, int64(1714100000))
	f.Add("cron(30 2 ? * 6L *)", int64(1711846800))
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := ParseSchedule(text)
		if err != nil || unix < 0 || unix > 4e9 {
			return
		}
		after := time.Unix(unix, 0).UTC()
		next := s.Next(after, time.UTC)
		if next.IsZero() {
			return
		}
		if !next.After(after) {
			t.Fatalf("%s after %s: %s", text, after, next)
		}
		if s.rate == 0 && !s.Next(next.Add(-time.Second), time.UTC).Equal(next) {
			t.Fatalf("%s: %s is a run, but not the next one a second before", text, next)
		}
	})
}

// TestSelection holds the examples of the developer guide's page on assigning resources.
func TestSelection(t *testing.T) {
	t.Parallel()
	volume := func(tags ...string) Resource {
		r := Resource{ARN: "arn:aws:ec2:eu-central-1:111111111111:volume/vol-1", Type: "EBS", Tags: map[string]string{}}
		for _, tag := range tags {
			k, v, _ := strings.Cut(tag, "=")
			r.Tags[k] = v
		}
		return r
	}
	bucket := Resource{ARN: "arn:aws:s3:::my-bucket", Type: "S3"}
	for _, test := range []struct {
		name      string
		selection Selection
		resource  Resource
		want      bool
	}{
		{"everything", Selection{Resources: []string{"*"}}, volume(), true},
		{"by type", Selection{Resources: []string{"arn:aws:ec2:*:*:volume/*"}}, volume(), true},
		{"by another type", Selection{Resources: []string{"arn:aws:ec2:*:*:instance/*"}}, volume(), false},
		{"by service", Selection{Resources: []string{"arn:aws:ec2:*"}}, volume(), true},
		{"by ARN", Selection{Resources: []string{volume().ARN}}, volume(), true},
		{"a bucket's prefix", Selection{Resources: []string{"arn:aws:s3:::my-*"}}, bucket, true},
		{"by tag", Selection{ListOfTags: []Tag{{"backup", "simple"}}}, volume("backup=simple"), true},
		{"by tag, another value", Selection{ListOfTags: []Tag{{"backup", "simple"}}}, volume("backup=Simple"), false},
		{"any of the tags", Selection{ListOfTags: []Tag{{"a", "1"}, {"b", "2"}}}, volume("b=2"), true},
		{"everything or tagged is everything", Selection{Resources: []string{"*"}, ListOfTags: []Tag{{"a", "1"}}}, volume(), true},
		{"not excluded", Selection{Resources: []string{"*"}, NotResources: []string{"arn:aws:s3:::*"}}, volume(), true},
		{"excluded", Selection{Resources: []string{"*"}, NotResources: []string{"arn:aws:s3:::*"}}, bucket, false},
		{"excluded although tagged", Selection{ListOfTags: []Tag{{"a", "1"}}, NotResources: []string{"arn:aws:ec2:*:*:volume/*"}}, volume("a=1"), false},
		{"condition met", Selection{Resources: []string{"*"}, StringEquals: []Tag{{"stage", "prod"}}}, volume("stage=prod"), true},
		{"condition without the tag", Selection{Resources: []string{"*"}, StringEquals: []Tag{{"stage", "prod"}}}, volume(), false},
		{"all conditions", Selection{Resources: []string{"*"}, StringEquals: []Tag{{"a", "1"}, {"b", "2"}}}, volume("a=1"), false},
		{"except stage=test", Selection{Resources: []string{"*"}, StringNotEquals: []Tag{{"stage", "test"}}}, volume("stage=test"), false},
		{"except stage=test, untagged", Selection{Resources: []string{"*"}, StringNotEquals: []Tag{{"stage", "test"}}}, volume(), true},
		{"like", Selection{Resources: []string{"*"}, StringLike: []Tag{{"key1", "*prod*"}}}, volume("key1=my-production"), true},
		{"an asterisk is no white space", Selection{Resources: []string{"*"}, StringLike: []Tag{{"key1", "a*b"}}}, volume("key1=a b"), false},
		{"not like", Selection{Resources: []string{"*"}, StringNotLike: []Tag{{"key1", "*test*"}}}, volume("key1=a-test"), false},
		{"tags are cut down by conditions", Selection{ListOfTags: []Tag{{"backup", "yes"}}, StringEquals: []Tag{{"stage", "prod"}}}, volume("backup=yes", "stage=dev"), false},
	} {
		if got := test.selection.Matches(test.resource); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestSelectionObeysOptIn(t *testing.T) {
	t.Parallel()
	volume := Resource{ARN: "arn:aws:ec2:eu-central-1:111111111111:volume/vol-1", Type: "EBS", Tags: map[string]string{"a": "1"}}
	cluster := Resource{ARN: "arn:aws:rds:eu-central-1:111111111111:cluster:c", Type: "Aurora"}
	test := Resource{ARN: "arn:aws:s3:::awsbackup-restore-test-1", Type: "S3"}
	off := map[string]bool{"EBS": false, "Aurora": false}
	for name, c := range map[string]struct {
		selection Selection
		resource  Resource
		optIn     map[string]bool
		want      bool
	}{
		"tags obey":                            {Selection{ListOfTags: []Tag{{"a", "1"}}}, volume, off, false},
		"tags, opted in":                       {Selection{ListOfTags: []Tag{{"a", "1"}}}, volume, nil, true},
		"a service's pattern obeys":            {Selection{Resources: []string{"arn:aws:ec2:*"}}, volume, off, false},
		"everything obeys":                     {Selection{Resources: []string{"*"}}, volume, off, false},
		"the type's pattern overrides":         {Selection{Resources: []string{"arn:aws:ec2:*:*:volume/*"}}, volume, off, true},
		"the ARN overrides":                    {Selection{Resources: []string{volume.ARN}}, volume, off, true},
		"a shared pattern obeys":               {Selection{Resources: []string{"arn:aws:rds:*:*:cluster:*"}}, cluster, off, false},
		"a shared pattern, opted in":           {Selection{Resources: []string{"arn:aws:rds:*:*:cluster:*"}}, cluster, nil, true},
		"a restore test's resource is ignored": {Selection{Resources: []string{"*"}}, test, nil, false},
	} {
		if got := c.selection.Takes(c.resource, c.optIn); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSelectionValidate(t *testing.T) {
	t.Parallel()
	if err := (Selection{StringEquals: []Tag{{"a", "1"}}}).Validate(); err == nil || err.Error() != SelectionEmpty.Text {
		t.Errorf("conditions alone: %v", err)
	}
	for _, bad := range []string{"arn:aws:s3:::*-logs", "bucket", "arn:aws:ec2"} {
		if err := (Selection{Resources: []string{bad}}).Validate(); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	for _, good := range []string{"*", "arn:aws:rds:*:*:db:*", "arn:aws:ec2:*", "arn:aws:s3:::logs"} {
		if err := (Selection{Resources: []string{good}}).Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// TestCategory holds messages of the reference's error catalogue.
func TestCategory(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"": Success,
		"Backup job failed because there was a running job for the same resource.":                                         ConcurrentJob,
		"There are too many copy jobs running for resource.":                                                               ConcurrentJob,
		"Backup job expired before completion.":                                                                            JobExpired,
		"Backup job failed because the lifecycle is outside the valid range for backup vault.":                             InvalidLifecycle,
		"Backup job failed because backup vault arn:aws:backup:r:1:backup-vault:v does not exist.":                         ResourceNotFound,
		"Access Denied trying to call AWS Backup service.":                                                                 AccessDenied,
		"IAM Role arn:aws:iam::1:role/r cannot be assumed by AWS Backup":                                                   AccessDenied,
		"IAM Role arn:aws:iam::1:role/r does not have sufficient permissions to execute the backup.":                       AccessDenied,
		"Given key ID is not accessible":                                                                                   KMSKeyError,
		"Given key ID does not exist":                                                                                      ResourceNotFound,
		"KMS key is either disabled or pending deletion or access to KMS key is denied":                                    KMSKeyError,
		"The resultant tag set must not have more than 50 user tags.":                                                      LimitExceeded,
		"The specified volume was not found.":                                                                              ResourceNotFound,
		"Windows VSS Backup Job Error encountered, trying for regular backup":                                              VSSError,
		"Copy job encountered a fatal error.":                                                                              FatalError,
		"Cannot snapshot volume":                                                                                           InvalidState,
		"We are unable to copy resource tags to your backup because of the Internal Failure.":                              TagCopyError,
		"Encrypted snapshots with Amazon EBS default key cannot be shared":                                                 AccessDenied,
		"UnsupportedOperation : Storage Gateway backup copies require a user-created backup vault and key at destination.": UnsupportedOperation,
		"Something else": Miscellaneous,
	} {
		if got := Category(message); got != want {
			t.Errorf("Category(%q) = %s, want %s", message, got, want)
		}
	}
}
