package rules

// RestoreRequest is every fact that decides over a restore.
type RestoreRequest struct {
	RecoveryPointARN string
	PointStatus      string // "" if the point does not exist
	RoleARN          string // of the job
	Role             Answer // may AWS Backup assume it?
	Key              Key    // of the recovery point
	KeyUse           Answer // may it be opened?
	Target           Answer // may the role make what is restored?
}

// RestoreGates are what a restore has to pass, in the order in which they are asked.
var RestoreGates = []Gate[RestoreRequest]{
	{"recovery-point", "Is the recovery point there and finished?", askRestoredPoint},
	{"role", "Can AWS Backup assume the job's role?", func(_ AsOf, r RestoreRequest) Verdict { return r.Role.roleVerdict(r.RoleARN) }},
	{"key-state", "Is the recovery point's key enabled?", func(_ AsOf, r RestoreRequest) Verdict { return r.Key.stateVerdict() }},
	{"key", "May the job use that key?", func(_ AsOf, r RestoreRequest) Verdict { return r.KeyUse.keyVerdict(r.Key) }},
	{"target", "May the role make what is restored?", askTarget},
}

func askRestoredPoint(_ AsOf, r RestoreRequest) Verdict {
	if r.PointStatus != "COMPLETED" && r.PointStatus != "EXPIRED" {
		return RefusedBy(PointMissing.Refuse(Values{"point": r.RecoveryPointARN}), nil)
	}
	return open(r.RecoveryPointARN + " is " + r.PointStatus + ".")
}

func askTarget(_ AsOf, r RestoreRequest) Verdict {
	return r.Target.verdict(r.RoleARN+" may.", func() *Refusal {
		return &Refusal{Message: r.Target.Message, Category: AccessDenied, Cause: "The role may not make what is restored."}
	})
}
