package policylint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"strongroom/arn"
	"strongroom/backuppolicy"
	"strongroom/backuppolicy/inheritance"
)

// Checker asks member accounts whether what a policy names exists. Organizations and AWS Backup ask nobody, and a plan whose
// vault or role is missing makes no job.
type Checker struct {
	Accounts []aws.Config // one of each account, with any Region
}

// Missing is a vault or a role that does not exist, or that nobody could be asked about.
type Missing struct {
	Kind      string // vault or role
	Name      string
	AccountID string
	Region    string `json:",omitempty"`
	Path      string // where the policy names it
	Reason    string
}

// Existence is what the accounts answered about a policy.
type Existence struct {
	File      string
	Accounts  []string
	Asked     int // vaults and roles that were asked about, in each account and Region
	Missing   []Missing
	Unchecked []Missing // in accounts that were not given
}

// Print prints the answer for people.
func (e *Existence) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d vaults and roles asked about in %s, %d missing\n", e.File, e.Asked, strings.Join(e.Accounts, ", "), len(e.Missing))
	for _, m := range e.Missing {
		fmt.Fprintf(w, "%s: error: %s: %s: %s\n", e.File, m.Path, m.what(), m.Reason)
	}
	for _, m := range e.Unchecked {
		fmt.Fprintf(w, "%s: note: %s: %s: %s\n", e.File, m.Path, m.what(), m.Reason)
	}
}

func (m Missing) what() string {
	text := m.Kind + " " + m.Name + " in account " + m.AccountID
	if m.Region != "" {
		text += " in " + m.Region
	}
	return text
}

// member is an account that can be asked.
type member struct {
	id  string
	cfg aws.Config
}

// wanted is something that has to exist in an account.
type wanted struct{ kind, name, account, region, path string }

// Check looks for every vault and role of a policy, in every account that the checker has and every Region that the policy
// names. The policy's own text is the whole of what is looked at: what it inherits it says nothing about.
func (c *Checker) Check(ctx context.Context, file string, policy *backuppolicy.Policy) (*Existence, error) {
	e := &Existence{File: file, Accounts: []string{}, Missing: []Missing{}, Unchecked: []Missing{}}
	var members []member
	for _, cfg := range c.Accounts {
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, fmt.Errorf("asking who we are: %w", err)
		}
		if id := aws.ToString(who.Account); !slices.Contains(e.Accounts, id) {
			members = append(members, member{id, cfg})
			e.Accounts = append(e.Accounts, id)
		}
	}
	effective := backuppolicy.EffectivePolicy([][]inheritance.Attached{{{PolicyID: file, Name: file, Policy: policy.Document()}}})
	seen := map[wanted]bool{}
	for _, m := range members {
		for _, plan := range effective.Plans() {
			for _, w := range wants(plan, m.id) {
				key := w
				key.path = ""
				if seen[key] {
					continue
				}
				seen[key] = true
				if err := e.ask(ctx, members, w); err != nil {
					return nil, err
				}
			}
		}
	}
	return e, nil
}

// wants is all that a plan needs in a member account.
func wants(plan backuppolicy.Plan, account string) (all []wanted) {
	at := "plans/" + plan.Name
	for _, region := range plan.Regions {
		for _, r := range plan.For(account, region).Rules {
			path := at + "/rules/" + r.Name
			if r.TargetBackupVaultName != "" {
				all = append(all, wanted{"vault", r.TargetBackupVaultName, account, region, path + "/target_backup_vault_name"})
			}
			if r.TargetLogicallyAirGappedBackupVaultARN != "" {
				all = append(all, vaultOf(r.TargetLogicallyAirGappedBackupVaultARN, path+"/target_logically_air_gapped_backup_vault_arn"))
			}
			for _, action := range r.CopyActions {
				all = append(all, vaultOf(action.DestinationBackupVaultARN, path+"/copy_actions"))
			}
		}
	}
	for _, s := range plan.For(account, "").Selections {
		if s.IAMRoleARN != "" {
			all = append(all, wanted{"role", s.IAMRoleARN, account, "", at + "/selections"})
		}
	}
	for _, s := range plan.For(account, "").ScanSettings {
		if s.ScannerRoleARN != "" {
			all = append(all, wanted{"role", s.ScannerRoleARN, account, "", at + "/scan_settings"})
		}
	}
	return all
}

func vaultOf(text, path string) wanted {
	a, err := arn.Parse(text)
	if err != nil {
		panic("the grammar lets through vault ARNs only: " + err.Error())
	}
	_, name := a.Split()
	return wanted{"vault", name, a.AccountID, a.Region, path}
}

func (e *Existence) ask(ctx context.Context, members []member, w wanted) error {
	found := Missing{Kind: w.kind, Name: w.name, AccountID: w.account, Region: w.region, Path: w.path}
	i := slices.IndexFunc(members, func(m member) bool { return m.id == w.account })
	if i < 0 {
		found.Reason = "no profile of this account was given"
		e.Unchecked = append(e.Unchecked, found)
		return nil
	}
	e.Asked++
	reason, err := look(ctx, members[i].cfg, w)
	if err != nil {
		return fmt.Errorf("asking account %s about %s %s: %w", w.account, w.kind, w.name, err)
	}
	if reason != "" {
		found.Reason = reason
		e.Missing = append(e.Missing, found)
	}
	return nil
}

// look says why something is missing; an empty reason is that it is there.
func look(ctx context.Context, cfg aws.Config, w wanted) (reason string, err error) {
	if w.kind == "vault" {
		cfg.Region = w.region
		_, err = backup.NewFromConfig(cfg).DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: &w.name})
	} else {
		name := w.name[strings.LastIndex(w.name, "/")+1:]
		var role *iam.GetRoleOutput
		role, err = iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		if err == nil && aws.ToString(role.Role.Arn) != w.name {
			return "the role's ARN is " + aws.ToString(role.Role.Arn) + ": the path differs", nil
		}
	}
	var answer smithy.APIError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &answer):
		return "", err
	}
	switch answer.ErrorCode() {
	case "ResourceNotFoundException", "NoSuchEntity":
		return "it does not exist", nil
	case "AccessDeniedException": // what AWS Backup answers about a vault that is not there
		if w.kind == "vault" {
			return unseenVault(ctx, cfg, w.name), nil
		}
		return "it does not exist, or we may not see it", nil
	}
	return "", err
}

// unseenVault says what is wrong with a vault that may not be described, which the list of the vaults knows for those who may
// list them; "" if the vault is there.
func unseenVault(ctx context.Context, cfg aws.Config, name string) string {
	for pages := backup.NewListBackupVaultsPaginator(backup.NewFromConfig(cfg), &backup.ListBackupVaultsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "it does not exist, or we may not see it"
		}
		for _, v := range page.BackupVaultList {
			if aws.ToString(v.BackupVaultName) == name {
				return ""
			}
		}
	}
	return "it does not exist"
}
