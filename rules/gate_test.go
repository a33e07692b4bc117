package rules

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strongroom/iampolicy"
)

// answered is a copy request to which everything says yes.
func answered(change func(*CopyRequest)) CopyRequest {
	return request(func(r *CopyRequest) {
		r.RoleARN, r.Role, r.CopyFrom, r.CopyInto, r.ReadTags = "arn:aws:iam::111111111111:role/jobs", Yes(), Yes(), Yes(), Yes()
		r.SourceKeyUse, r.DestinationKeyUse = Yes(), Yes()
		r.SourceKey.State, r.DestinationKey.State = "Enabled", "Enabled"
		if change != nil {
			change(r)
		}
	})
}

// TestCopyGates shuts each gate of a copy alone: the others stay as they were, but for those that cannot be asked then.
func TestCopyGates(t *testing.T) {
	t.Parallel()
	denied := &iampolicy.Explanation{Principal: "jobs", Action: "a:B", Resource: "c", Gate: iampolicy.GateIdentity, Cures: []iampolicy.Cure{{
		Gate: iampolicy.GateIdentity, Change: iampolicy.AddStatement, Of: "arn:aws:iam::111111111111:role/jobs",
		Statement: json.RawMessage(`{"Effect":"Allow","Action":"a:B","Resource":"c"}`), Document: json.RawMessage(`{}`),
	}}}
	no := No("no", denied)
	rows := []struct {
		gate     string
		change   func(*CopyRequest)
		asOf     AsOf
		id       string   // of the catalogue's entry
		call     string   // of the first cure
		unasked  []string // besides
		alsoShut []string
	}{
		{gate: "recovery-point", change: func(r *CopyRequest) { r.PointStatus = "" }, id: "E29", unasked: []string{"storage-tier", "continuous", "source-key-kind"}},
		{gate: "organization", change: func(r *CopyRequest) { r.DestinationOrganization = "o-other" }, id: "E2", call: "organizations:InviteAccountToOrganization", unasked: []string{"destination-vault"}},
		{gate: "trusted-access", change: func(r *CopyRequest) { r.TrustedAccess = false }, id: "E1", call: "organizations:EnableAWSServiceAccess"},
		{gate: "cross-account-switch", change: func(r *CopyRequest) { r.CrossAccountEnabled = false }, id: "E1", call: "backup:UpdateGlobalSettings"},
		{
			gate: "destination-vault", change: func(r *CopyRequest) { r.DestinationExists = false }, id: "E28", call: "kms:CreateKey",
			unasked: []string{"copy-into", "destination-key-kind", "destination-key-state", "destination-key", "lock"},
		},
		{gate: "resource-type", change: func(r *CopyRequest) { r.ResourceType = "Redshift" }, id: "E27", alsoShut: []string{"capability"}},
		{gate: "region", change: func(r *CopyRequest) { r.ResourceType, r.Destination.Region = "Timestream", "me-south-1" }, id: "E3"},
		{gate: "capability", change: func(r *CopyRequest) { r.ResourceType = "RDS" }, asOf: article, id: "E3", call: "backup:StartCopyJob"},
		{gate: "storage-tier", change: func(r *CopyRequest) { r.Cold = true }},
		{gate: "continuous", change: func(r *CopyRequest) { r.Continuous = true }},
		{gate: "role", change: func(r *CopyRequest) { r.Role = no }, id: "E39", call: "iam:PutRolePolicy"},
		{gate: "copy-from", change: func(r *CopyRequest) { r.CopyFrom = no }, id: "E5", call: "iam:PutRolePolicy"},
		{gate: "copy-into", change: func(r *CopyRequest) { r.CopyInto = no }, id: "E5", call: "iam:PutRolePolicy"},
		{gate: "tags", change: func(r *CopyRequest) { r.ReadTags = no }, id: "E20", call: "iam:PutRolePolicy"},
		{gate: "destination-key-kind", change: func(r *CopyRequest) { r.DestinationKey, r.Destination.VaultName = awsBackup, "Default" }, id: "E4", call: "backup:CreateBackupVault", unasked: []string{"destination-key-state"}},
		{gate: "source-key-kind", change: func(r *CopyRequest) { r.SourceKey = awsBackup }, id: "E4", call: "backup:CreateBackupVault", unasked: []string{"source-key-state"}},
		{gate: "source-key-state", change: func(r *CopyRequest) { r.SourceKey.State = "Disabled" }, id: "E10", call: "kms:EnableKey"},
		{gate: "source-key", change: func(r *CopyRequest) { r.SourceKeyUse = no }, id: "E10", call: "iam:PutRolePolicy"},
		{gate: "destination-key-state", change: func(r *CopyRequest) { r.DestinationKey.State = "PendingDeletion" }, id: "E10", call: "kms:CancelKeyDeletion"},
		{gate: "destination-key", change: func(r *CopyRequest) { r.DestinationKeyUse = no }, id: "E10", call: "iam:PutRolePolicy"},
		{gate: "lock", change: func(r *CopyRequest) { r.Lock = LockRange{Max: 30} }, id: "E18", call: "backup:StartCopyJob"},
	}
	if len(rows) != len(CopyGates) {
		t.Errorf("%d gates are shut here, of %d", len(rows), len(CopyGates))
	}
	for i, row := range rows {
		trail := Follow(CopyGates, row.asOf, answered(row.change))
		if CopyGates[i].Name != row.gate {
			t.Fatalf("gate %d is %s, not %s", i, CopyGates[i].Name, row.gate)
		}
		for j, p := range trail {
			want := Open
			switch {
			case p.Gate == row.gate || contains(row.alsoShut, p.Gate):
				want = Shut
			case p.Gate == "continuous" || contains(row.unasked, p.Gate):
				want = NotAsked
			}
			if p.Verdict.Verdict != want {
				t.Errorf("with %s shut, gate %d %s is %s, want %s (%s)", row.gate, j, p.Gate, p.Verdict.Verdict, want, p.Detail)
			}
			if p.Asks == "" || p.Verdict.Verdict == NotAsked && p.Detail == "" {
				t.Errorf("gate %s does not say what it asks, or why it is not asked", p.Gate)
			}
		}
		shut := trail[i]
		if shut.Refusal == nil || shut.Refusal.ID != row.id || shut.Refusal.Cause == "" || len(shut.Cures) == 0 && row.call != "" || len(shut.Cures) > 0 && shut.Cures[0].Call != row.call {
			t.Errorf("%s refuses with %+v and the cures %+v, want %s and %s", row.gate, shut.Refusal, shut.Cures, row.id, row.call)
		}
		if refusal := trail.Refusal(); refusal != shut.Refusal {
			t.Errorf("with %s shut the job says %+v", row.gate, refusal)
		}
	}
	if trail := Follow(CopyGates, Current, answered(nil)); trail.Refusal() != nil {
		t.Errorf("with all gates open: %+v", trail.Refusal())
	}
}

func contains(list []string, text string) bool {
	for _, entry := range list {
		if entry == text {
			return true
		}
	}
	return false
}

func TestTrail(t *testing.T) {
	t.Parallel()
	trail := Trail{{Gate: "a", Verdict: open("")}, {Gate: "b", Verdict: notAsked("no")}, {Gate: "c", Verdict: open("")}}
	late := RefusedBy(&Refusal{Message: "late"}, nil)
	with := trail.With("c", late).With("work", RefusedBy(&Refusal{Message: "never told"}, nil))
	if trail.Refusal() != nil || trail[2].Verdict.Verdict != Open {
		t.Error("the trail itself was changed")
	}
	if len(with) != 4 || with.Refusal().Message != "late" || with[3].Gate != "work" {
		t.Errorf("%+v", with)
	}
	text, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	var again Trail
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(with, again); diff != "" {
		t.Errorf("through JSON (-before +after):\n%s", diff)
	}
}

// TestGatesOfBackupsAndRestores shuts each of their gates alone.
func TestGatesOfBackupsAndRestores(t *testing.T) {
	t.Parallel()
	backup := BackupRequest{
		ResourceARN: "arn:aws:s3:::b", ResourceType: "S3", Vault: Place{AccountID: "111111111111", VaultName: "v"}, VaultExists: true, RoleARN: "arn:aws:iam::111111111111:role/jobs",
		Role: Yes(), Resource: Yes(), Data: Yes(), At: time.Date(2026, time.November, 29, 3, 30, 0, 0, time.UTC), SealingKey: Key{ARN: "arn:aws:kms:eu-central-1:111111111111:key/1", Kind: CustomerManaged, State: "Enabled"}, KeyUse: Yes(),
	}
	for i, shut := range []func(*BackupRequest){
		func(r *BackupRequest) { r.VaultExists = false },
		func(r *BackupRequest) { r.ResourceType = "" },
		func(r *BackupRequest) { r.Lock = LockRange{Max: 30} },
		func(r *BackupRequest) { r.Role = No("The role does not exist.", nil) },
		func(r *BackupRequest) { r.Resource = No("no", nil) },
		func(r *BackupRequest) { r.Windows.Backup = "03:00-04:00" },
		func(r *BackupRequest) { r.SealingKey.State = KeyGone },
		func(r *BackupRequest) { r.KeyUse = No("no", nil) },
		func(r *BackupRequest) { r.Data = No("no", nil) },
	} {
		r := backup
		shut(&r)
		if trail := Follow(BackupGates, Current, r); trail.Refusal() == nil || trail[i].Verdict.Verdict != Shut || trail.Refusal() != trail[i].Refusal {
			t.Errorf("%s is not shut alone: %+v", BackupGates[i].Name, trail)
		}
	}
	restore := RestoreRequest{RecoveryPointARN: "arn:rp", PointStatus: "EXPIRED", RoleARN: backup.RoleARN, Role: Yes(), Key: backup.SealingKey, KeyUse: Yes(), Target: Yes()}
	for i, shut := range []func(*RestoreRequest){
		func(r *RestoreRequest) { r.PointStatus = "DELETING" },
		func(r *RestoreRequest) { r.Role = No("", nil) },
		func(r *RestoreRequest) { r.Key.State = "Disabled" },
		func(r *RestoreRequest) { r.KeyUse = No("no", nil) },
		func(r *RestoreRequest) { r.Target = No("no", nil) },
	} {
		r := restore
		shut(&r)
		if trail := Follow(RestoreGates, Current, r); trail.Refusal() == nil || trail[i].Verdict.Verdict != Shut || trail.Refusal() != trail[i].Refusal {
			t.Errorf("%s is not shut alone: %+v", RestoreGates[i].Name, trail)
		}
	}
	if Follow(BackupGates, Current, backup).Refusal() != nil || Follow(RestoreGates, Current, restore).Refusal() != nil {
		t.Error("with all gates open there is a refusal")
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fix  Fix
		want string
	}{
		{Fix{Call: "backup:UpdateGlobalSettings", Parameters: map[string]string{"GlobalSettings.isCrossAccountBackupEnabled": "true"}}, "aws backup update-global-settings --global-settings isCrossAccountBackupEnabled=true"},
		{Fix{Call: "organizations:EnableAWSServiceAccess", Parameters: map[string]string{"ServicePrincipal": "backup.amazonaws.com"}}, "aws organizations enable-aws-service-access --service-principal backup.amazonaws.com"},
		{Fix{Call: "organizations:InviteAccountToOrganization", Parameters: map[string]string{"Target.Id": "222222222222", "Target.Type": "ACCOUNT"}}, "aws organizations invite-account-to-organization --target Id=222222222222,Type=ACCOUNT"},
		{Fix{Call: "iam:CreatePolicyVersion", Parameters: map[string]string{"PolicyArn": "arn:aws:iam::1:policy/p", "PolicyDocument": `{"Sid":"it's"}`, "SetAsDefault": "true"}}, `aws iam create-policy-version --policy-arn arn:aws:iam::1:policy/p --policy-document '{"Sid":"it'\''s"}' --set-as-default`},
		{Fix{Call: "s3:PutBucketPolicy", Parameters: map[string]string{"Bucket": "b", "Policy": "{}"}}, "aws s3api put-bucket-policy --bucket b --policy '{}'"},
		{Fix{Call: "iam:CreateServiceLinkedRole", Parameters: map[string]string{"AWSServiceName": "backup.amazonaws.com"}}, "aws iam create-service-linked-role --aws-service-name backup.amazonaws.com"},
		{Fix{Call: "kms:EnableKey", Region: "eu-north-1", Parameters: map[string]string{"KeyId": "k"}}, "aws kms enable-key --region eu-north-1 --key-id k"},
		{Fix{Call: "kms:CreateKey", Region: "eu-north-1", Keeps: "KEY", Parameters: map[string]string{"Description": "a key"}}, `KEY=$(aws kms create-key --region eu-north-1 --description 'a key' --query KeyMetadata.Arn --output text)`},
		{Fix{Call: "backup:CreateBackupVault", Parameters: map[string]string{"BackupVaultName": "v", "EncryptionKeyArn": "$KEY"}}, `aws backup create-backup-vault --backup-vault-name v --encryption-key-arn "$KEY"`},
		{Fix{Call: "s3:DeleteBucketPolicy", Parameters: map[string]string{"Bucket": "$(rm)"}}, `aws s3api delete-bucket-policy --bucket '$(rm)'`},
		{Fix{Call: "kms:EnableKey"}, ""},
		{Fix{Call: "backup:StartCopyJob", Parameters: map[string]string{"RecoveryPointArn": "a"}}, ""},
		{Fix{Advice: "Think."}, ""},
	} {
		if got := row.fix.Command(); got != row.want {
			t.Errorf("%s is given as\n%s\nwant\n%s", row.fix.Call, got, row.want)
		}
	}
}
