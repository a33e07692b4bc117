package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"strongroom/iampolicy"
	"strongroom/internal/state"
	"strongroom/rules"
)

// JobExplanation tells why a job ended as it did: every gate that it had to pass, and what opens those that are shut. Its
// JSON is documented in docs/explain.md, and only grows.
type JobExplanation struct {
	Job       ExplainedJob    `json:"job"`
	RulesAsOf string          `json:"rules_as_of"`
	Shut      []string        `json:"shut"` // the gates that are, in order: the first one's refusal is the job's message
	Gates     []ExplainedGate `json:"gates"`
}

// ExplainedJob is the job itself.
type ExplainedJob struct {
	Kind           string    `json:"kind"` // backup, copy or restore
	ID             string    `json:"id"`
	AccountID      string    `json:"account_id"`
	Region         string    `json:"region"`
	State          string    `json:"state"`
	Message        string    `json:"message"`
	Category       string    `json:"category,omitempty"`
	Role           string    `json:"role"`
	ResourceType   string    `json:"resource_type"`
	Resource       string    `json:"resource,omitempty"`
	RecoveryPoint  string    `json:"recovery_point,omitempty"` // what a copy or restore reads, or a backup made
	Vault          string    `json:"vault,omitempty"`          // where it lies, or was to lie
	Destination    string    `json:"destination,omitempty"`    // of a copy: the vault
	CreatedAt      time.Time `json:"created_at"`
	CompletedAt    time.Time `json:"completed_at,omitzero"`
	CreatedByPlan  string    `json:"created_by_plan,omitempty"`
	CreatedByJobID string    `json:"created_by_job,omitempty"` // of a copy: the backup job of the same rule
}

// ExplainedGate is a gate with its verdict: open, shut or not asked.
type ExplainedGate struct {
	Gate    string                 `json:"gate"`
	Asks    string                 `json:"asks,omitempty"`
	Verdict rules.Opening          `json:"verdict"`
	Detail  string                 `json:"detail,omitempty"`
	Refusal *rules.Refusal         `json:"refusal,omitempty"`
	Refused *iampolicy.Explanation `json:"refused,omitempty"`
	Cures   []Cure                 `json:"cures,omitempty"`
}

// Cure opens a gate, together with those before it.
type Cure struct {
	Advice     string            `json:"advice"`
	Call       string            `json:"call,omitempty"`
	AccountID  string            `json:"account_id,omitempty"`
	Region     string            `json:"region,omitempty"`
	Resource   string            `json:"resource,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Statement  json.RawMessage   `json:"statement,omitempty"` // to add to a policy, or to remove from it, as the advice says
	Command    string            `json:"command,omitempty"`   // of the aws CLI, to be given in the account
	Keeps      string            `json:"keeps,omitempty"`     // the shell's variable that keeps what the call makes, for later cures
}

// explain tells of a backup, copy or restore job of any account.
func (s *Server) explain(ctx context.Context, jobID string) (x JobExplanation, err error) {
	var trail rules.Trail
	var cured rules.Cured
	var cures [][]rules.Fix
	id := strings.TrimSpace(jobID)
	err = s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		for _, find := range []func(context.Context, *state.Tx, string) (ExplainedJob, rules.Trail, error){explainBackup, explainCopy, explainRestore} {
			x.Job, trail, err = find(ctx, tx, id)
			if errors.Is(err, state.ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			cured = rules.Cured{Kind: x.Job.Kind, ResourceType: x.Job.ResourceType, RoleARN: x.Job.Role}
			organization, err := tx.OrganizationOfAccount(ctx, x.Job.AccountID)
			if err != nil && !errors.Is(err, state.ErrNotFound) {
				return err
			}
			cured.ManagementAccountID = organization.ManagementAccountID
			cures, err = withRoom(ctx, tx, trail.Cures(cured))
			return err
		}
		return fmt.Errorf("there is no backup, copy or restore job %s", id)
	})
	if err != nil {
		return x, err
	}
	x.RulesAsOf, x.Shut, x.Gates = s.config.RulesAsOf, []string{}, []ExplainedGate{}
	if x.RulesAsOf == "" {
		x.RulesAsOf = rules.Current.String()
	}
	for i, p := range trail {
		if p.Verdict.Verdict == rules.Shut {
			x.Shut = append(x.Shut, p.Gate)
		}
		x.Gates = append(x.Gates, explainedGate(p, cures[i]))
	}
	return x, nil
}

func explainedGate(p rules.Passage, cures []rules.Fix) ExplainedGate {
	g := ExplainedGate{Gate: p.Gate, Asks: p.Asks, Verdict: p.Verdict.Verdict, Detail: p.Detail, Refusal: p.Refusal, Refused: p.Refused}
	for _, f := range cures {
		c := Cure{
			Advice: f.Advice, Call: f.Call, AccountID: f.AccountID, Region: f.Region, Resource: f.Resource, Parameters: f.Parameters, Command: f.Command(),
			Keeps: f.Keeps,
		}
		if json.Valid([]byte(f.Statement)) {
			c.Statement = json.RawMessage(f.Statement)
		}
		g.Cures = append(g.Cures, c)
	}
	return g
}

func explainBackup(ctx context.Context, tx *state.Tx, id string) (ExplainedJob, rules.Trail, error) {
	j, err := tx.BackupJob(ctx, id)
	if err != nil {
		return ExplainedJob{}, nil, err
	}
	trail, err := tx.BackupJobTrail(ctx, id)
	return ExplainedJob{
		Kind: "backup", ID: j.ID, AccountID: j.AccountID, Region: j.Region, State: j.State, Message: j.StatusMessage, Category: j.MessageCategory,
		Role: j.IAMRoleARN, ResourceType: j.ResourceType, Resource: j.ResourceARN, RecoveryPoint: j.PointARN, Vault: j.VaultARN,
		CreatedAt: j.CreatedAt.Time(), CompletedAt: j.CompletedAt.Time(), CreatedByPlan: j.CreatedBy.PlanARN,
	}, trail, err
}

func explainCopy(ctx context.Context, tx *state.Tx, id string) (ExplainedJob, rules.Trail, error) {
	j, err := tx.CopyJob(ctx, id)
	if err != nil {
		return ExplainedJob{}, nil, err
	}
	trail, err := tx.CopyJobTrail(ctx, id)
	return ExplainedJob{
		Kind: "copy", ID: j.ID, AccountID: j.AccountID, Region: j.Region, State: j.State, Message: j.StatusMessage, Category: j.MessageCategory,
		Role: j.IAMRoleARN, ResourceType: j.ResourceType, Resource: j.ResourceARN, RecoveryPoint: j.SourcePointARN, Vault: j.SourceVaultARN,
		Destination: j.DestinationVaultARN, CreatedAt: j.CreatedAt.Time(), CompletedAt: j.CompletedAt.Time(), CreatedByPlan: j.CreatedBy.PlanARN, CreatedByJobID: j.BackupJobID,
	}, trail, err
}

func explainRestore(ctx context.Context, tx *state.Tx, id string) (ExplainedJob, rules.Trail, error) {
	j, err := tx.RestoreJob(ctx, id)
	if err != nil {
		return ExplainedJob{}, nil, err
	}
	trail, err := tx.RestoreJobTrail(ctx, id)
	return ExplainedJob{
		Kind: "restore", ID: j.ID, AccountID: j.AccountID, Region: j.Region, State: j.State, Message: j.StatusMessage, Category: j.MessageCategory,
		Role: j.IAMRoleARN, ResourceType: j.ResourceType, Resource: j.SourceResourceARN, RecoveryPoint: j.PointARN, Vault: j.VaultARN,
		CreatedAt: j.CreatedAt.Time(), CompletedAt: j.CompletedAt.Time(),
	}, trail, err
}
