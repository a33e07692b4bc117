package iampolicy

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the place a policy is put in.
type Kind string

// The kinds of policy.
const (
	Identity  Kind = "identity-based policy" // managed, inline, boundary or session policy
	Resource  Kind = "resource-based policy" // of a bucket, vault, queue …
	KeyPolicy Kind = "key policy"            // of a KMS key
	Trust     Kind = "role trust policy"
	SCP       Kind = "service control policy"
	RCP       Kind = "resource control policy"
)

// ValidationError says why a policy that parses does not fit its place.
type ValidationError struct {
	Path    string // Statement[0].Resource
	Message string // AWS's text where it is known
}

// Error is the message with the element it is about.
func (e *ValidationError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// Validate reports the first reason why p cannot be a policy of kind, as a [*ValidationError].
func Validate(p *Policy, kind Kind) error {
	v := validator{kind: kind, version: p.Version}
	if p.Version != Version2012 && (kind == Identity || kind == RCP) {
		return v.fail("Version", "Policy document must be version 2012-10-17 or greater.")
	}
	if len(p.Statements) == 0 {
		return v.fail("Statement", "Syntax errors in policy.")
	}
	sids := map[string]bool{}
	for i := range p.Statements {
		s := &p.Statements[i]
		v.path = fmt.Sprintf("Statement[%d]", i)
		if s.Sid != "" && sids[s.Sid] {
			return v.fail("Sid", "Statement IDs (SID) in a single policy must be unique.")
		}
		sids[s.Sid] = true
		if err := v.statement(s); err != nil {
			return err
		}
	}
	return nil
}

type validator struct {
	kind    Kind
	version Version
	path    string
}

func (v *validator) fail(element, format string, values ...any) error {
	path := element
	if v.path != "" {
		path = v.path + "." + element
	}
	return &ValidationError{Path: path, Message: fmt.Sprintf(format, values...)}
}

func (v *validator) statement(s *Statement) error {
	for _, check := range []func(*Statement) error{v.sid, v.principal, v.action, v.resource, v.condition} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

// sid allows letters and digits where IAM is strict; resources' policies take any text.
func (v *validator) sid(s *Statement) error {
	if v.kind != Identity && v.kind != Trust {
		return nil
	}
	for _, c := range s.Sid {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return v.fail("Sid", "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
		}
	}
	return nil
}

func (v *validator) principal(s *Statement) error {
	switch v.kind {
	case Identity, SCP:
		if s.Principal != nil || s.NotPrincipal != nil {
			return v.fail("Principal", "Policy document should not specify a principal.")
		}
		return nil
	case RCP:
		if s.Effect != Deny {
			return v.fail("Effect", "A resource control policy supports Deny statements only.")
		}
		if s.Principal == nil || !s.Principal.Everyone && !slices.Equal(s.Principal.AWS, []string{"*"}) {
			return v.fail("Principal", `A resource control policy supports only "*" as principal.`)
		}
		return nil
	default:
	}
	switch {
	case s.Principal == nil && s.NotPrincipal == nil:
		return v.fail("Principal", "Missing required field Principal")
	case s.NotPrincipal != nil && v.kind == Trust:
		return v.fail("NotPrincipal", "AssumeRole policy may not specify NotPrincipal.")
	case s.NotPrincipal != nil:
		return v.principals("NotPrincipal", s.NotPrincipal)
	}
	return v.principals("Principal", s.Principal)
}

func (v *validator) principals(element string, ps *Principals) error {
	for _, entry := range ps.AWS {
		if !validPrincipal(entry) {
			return v.fail(element, `Invalid principal in policy: "AWS":"%s"`, entry)
		}
	}
	for _, entry := range ps.Service {
		if entry == "" || strings.ContainsAny(entry, "*?: /") || !strings.Contains(entry, ".") {
			return v.fail(element, `Invalid principal in policy: "SERVICE":"%s"`, entry)
		}
	}
	if !ps.Everyone && len(ps.AWS)+len(ps.Service)+len(ps.Federated)+len(ps.CanonicalUser) == 0 {
		return v.fail(element, "Invalid principal in policy")
	}
	return nil
}

// validPrincipal takes an account, an IAM or STS ARN, a unique id, or "*", but no ARN with a wildcard in it.
func validPrincipal(entry string) bool {
	if entry == "*" || isAccountID(entry) || principalAccount(entry) != "" {
		return true
	}
	if strings.ContainsAny(entry, "*?") {
		return false
	}
	parts := strings.SplitN(entry, ":", arnSegments)
	if len(parts) == 1 {
		return strings.HasPrefix(entry, "AIDA") || strings.HasPrefix(entry, "AROA")
	}
	if len(parts) < arnSegments || parts[0] != "arn" || parts[3] != "" || parts[4] == "" {
		return false
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch parts[2] {
	case "iam":
		return name != "" && (kind == "user" || kind == "role") ||
			parts[5] == "root"
	case "sts":
		return name != "" && (kind == "assumed-role" || kind == "federated-user")
	}
	return false
}

func (v *validator) action(s *Statement) error {
	actions, element := s.Actions, "Action"
	if s.NotActions != nil {
		actions, element = s.NotActions, "NotAction"
	}
	if len(actions) == 0 {
		return v.fail(element, "Policy statement must contain actions.")
	}
	if s.NotActions != nil && v.kind == RCP {
		return v.fail(element, "A resource control policy does not support NotAction.")
	}
	for _, action := range actions {
		if err := v.oneAction(element, action); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) oneAction(element, action string) error {
	vendor, name, found := strings.Cut(action, ":")
	switch {
	case v.kind == Trust && !strings.HasPrefix(strings.ToLower(action), "sts:"):
		return v.fail(element, "AssumeRole policy may only specify STS AssumeRole actions.")
	case action == "*":
		return nil
	case !found || vendor == "":
		return v.fail(element, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	case strings.Contains(name, ":"):
		return v.fail(element, "Actions/Condition can contain only one colon.")
	case name == "" || strings.ContainsAny(action, " \t\r\n"):
		return v.fail(element, "Syntax errors in policy.")
	case strings.Trim(strings.ToLower(vendor), "abcdefghijklmnopqrstuvwxyz0123456789-*") != "":
		return v.fail(element, "Vendor %s is not valid", vendor)
	}
	return nil
}

func (v *validator) resource(s *Statement) error {
	resources, element := s.Resources, "Resource"
	if s.NotResources != nil {
		resources, element = s.NotResources, "NotResource"
	}
	if v.kind == Trust {
		if resources != nil {
			return v.fail(element, "Has prohibited field Resource")
		}
		return nil
	}
	if len(resources) == 0 {
		return v.fail(element, "Policy statement must contain resources.")
	}
	for _, resource := range resources {
		if err := v.oneResource(element, resource); err != nil {
			return err
		}
	}
	return nil
}

// partitions are those that exist.
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

func (v *validator) oneResource(element, resource string) error {
	if resource == "*" {
		return nil
	}
	rest, ok := strings.CutPrefix(resource, "arn:")
	if !ok {
		return v.fail(element, `Resource %s must be in ARN format or "*".`, resource)
	}
	partition, rest, _ := strings.Cut(rest, ":")
	if !strings.ContainsAny(partition, "*?$") && !slices.Contains(partitions, partition) {
		return v.fail(element, `Partition "%s" is not valid for resource "%s".`, partition, resource)
	}
	service, _, _ := strings.Cut(rest, ":")
	if v.kind == Identity && strings.ContainsAny(service, "*?") && service != "*" {
		return v.fail(element, "Vendor %s is not valid", service)
	}
	return nil
}

func (v *validator) condition(s *Statement) error {
	for _, line := range s.Conditions {
		path := "Condition." + line.Operator + "." + line.Key
		if !strings.Contains(line.Key, ":") {
			return v.fail(path, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
		operator, ok := parseOperator(line.Operator)
		if !ok {
			return v.fail(path, "Invalid Condition type : %s.", line.Operator)
		}
		compiled := condition{operator: operator}
		for _, value := range line.Values {
			if operator.family != arnFamily && strings.Contains(value, "${") && v.version == Version2012 {
				continue
			}
			if !compiled.addValue(value, v.version == Version2012) {
				return v.fail(path, "The value %q is not valid for the operator %s.", value, operator)
			}
		}
	}
	return nil
}
