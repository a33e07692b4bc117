package rules

import "regexp"

// Patterns of names, as the API's model states them.
var (
	VaultNamePattern = regexp.MustCompile(`^[a-zA-Z0-9\-\_]{2,50}$`)
	NamePattern      = regexp.MustCompile(`^[a-zA-Z0-9\-\_\.]{1,50}$`) // plans, rules, selections, request ids, resource types
	RolePattern      = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::\d{12}:role/.+$`)
	VaultARNPattern  = regexp.MustCompile(`^arn:aws(-[a-z]+)*:backup:[a-z0-9-]+:\d{12}:backup-vault:[a-zA-Z0-9\-\_]{2,50}$`)
)

// Quotas of an account in a Region.
const (
	MaxVaults            = 300
	MaxPlans             = 300
	MaxPlanVersions      = 2000
	MaxRulesPerPlan      = 10
	MaxSelectionsPerPlan = 100
	MaxCopyActions       = 5
	MaxLegalHolds        = 50
	MaxPlanTags          = 10
	MaxTags              = 50
	MaxCopiesPerResource = 30
)
