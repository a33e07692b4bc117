package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// commands are the parameters without which a call means nothing, of the calls that fixes are made of.
var commands = map[string][]string{
	"backup:UpdateGlobalSettings":                  {"GlobalSettings"},
	"backup:PutBackupVaultAccessPolicy":            {"BackupVaultName", "Policy"},
	"backup:DeleteBackupVaultAccessPolicy":         {"BackupVaultName"},
	"backup:CreateBackupVault":                     {"BackupVaultName"},
	"backup:UpdateRegionSettings":                  {"ResourceTypeOptInPreference"},
	"backup:StartCopyJob":                          {"RecoveryPointArn", "SourceBackupVaultName", "DestinationBackupVaultArn", "IamRoleArn"},
	"backup:StartBackupJob":                        {"BackupVaultName", "ResourceArn", "IamRoleArn"},
	"backup:DescribeCopyJob":                       {"CopyJobId"},
	"kms:PutKeyPolicy":                             {"KeyId", "PolicyName", "Policy"},
	"kms:CreateKey":                                {"Description"},
	"kms:EnableKey":                                {"KeyId"},
	"kms:CancelKeyDeletion":                        {"KeyId"},
	"iam:PutRolePolicy":                            {"RoleName", "PolicyName", "PolicyDocument"},
	"iam:AttachRolePolicy":                         {"RoleName", "PolicyArn"},
	"iam:CreateRole":                               {"RoleName", "AssumeRolePolicyDocument"},
	"iam:DeletePolicyVersion":                      {"PolicyArn", "VersionId"},
	"iam:PutUserPolicy":                            {"UserName", "PolicyName", "PolicyDocument"},
	"iam:PutGroupPolicy":                           {"GroupName", "PolicyName", "PolicyDocument"},
	"iam:DeleteRolePolicy":                         {"RoleName", "PolicyName"},
	"iam:DeleteUserPolicy":                         {"UserName", "PolicyName"},
	"iam:DeleteGroupPolicy":                        {"GroupName", "PolicyName"},
	"iam:DetachRolePolicy":                         {"RoleName", "PolicyArn"},
	"iam:DetachUserPolicy":                         {"UserName", "PolicyArn"},
	"iam:DetachGroupPolicy":                        {"GroupName", "PolicyArn"},
	"iam:CreatePolicyVersion":                      {"PolicyArn", "PolicyDocument"},
	"iam:UpdateAssumeRolePolicy":                   {"RoleName", "PolicyDocument"},
	"organizations:CreatePolicy":                   {"Name", "Type", "Content"},
	"organizations:UpdatePolicy":                   {"PolicyId", "Content"},
	"organizations:AttachPolicy":                   {"PolicyId", "TargetId"},
	"organizations:DetachPolicy":                   {"PolicyId", "TargetId"},
	"organizations:EnableAWSServiceAccess":         {"ServicePrincipal"},
	"organizations:InviteAccountToOrganization":    {"Target"},
	"s3:PutBucketPolicy":                           {"Bucket", "Policy"},
	"s3:DeleteBucketPolicy":                        {"Bucket"},
	"backup:DeleteBackupVaultLockConfiguration":    {"BackupVaultName"},
	"backup:PutBackupVaultLockConfiguration":       {"BackupVaultName"},
	"iam:CreateServiceLinkedRole":                  {"AWSServiceName"},
	"organizations:RegisterDelegatedAdministrator": {"AccountId", "ServicePrincipal"},
}

// made is where the answers of calls tell what [Fix.Keeps] keeps.
var made = map[string]string{
	"kms:CreateKey":              "KeyMetadata.Arn",
	"organizations:CreatePolicy": "Policy.PolicySummary.Id",
	"backup:StartCopyJob":        "CopyJobId",
	"backup:DescribeCopyJob":     "CopyJob.DestinationRecoveryPointArn",
}

// Command is the fix as a command of the aws CLI, to be given in the fix's account; "" where the fix is no single call, or
// leaves a choice that only its owner can make.
func (f Fix) Command() string {
	service, operation, _ := strings.Cut(f.Call, ":")
	needed, known := commands[f.Call]
	if !known {
		return ""
	}
	arguments := f.arguments()
	for _, name := range needed {
		if arguments[name] == "" {
			return ""
		}
	}
	if service == "s3" {
		service = "s3api"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "aws %s %s", service, kebab(operation))
	if f.Region != "" {
		fmt.Fprintf(&b, " --region %s", f.Region)
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if value := arguments[name]; value == "true" {
			fmt.Fprintf(&b, " --%s", kebab(name))
		} else {
			fmt.Fprintf(&b, " --%s %s", kebab(name), quote(value))
		}
	}
	if f.Keeps != "" {
		return f.Keeps + "=$(" + b.String() + " --query " + made[f.Call] + " --output text)"
	}
	return b.String()
}

// arguments joins the members of a structure, which parameters name like Target.Id, in the CLI's short form.
func (f Fix) arguments() map[string]string {
	arguments := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.Parameters)) {
		structure, member, found := strings.Cut(name, ".")
		value := f.Parameters[name]
		if !found {
			arguments[name] = value
			continue
		}
		if arguments[structure] != "" {
			arguments[structure] += ","
		}
		arguments[structure] += member + "=" + value
	}
	return arguments
}

// kebab writes PutBackupVaultAccessPolicy as put-backup-vault-access-policy, and AWS as one word.
func kebab(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		upper := unicode.IsUpper(c)
		if i > 0 && upper && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// variable is a value that an earlier command keeps.
var variable = regexp.MustCompile(`^\$[A-Z]+$`)

// quote writes a value as one word of a shell.
func quote(value string) string {
	if variable.MatchString(value) {
		return `"` + value + `"`
	}
	if value != "" && strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+") == "" {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
