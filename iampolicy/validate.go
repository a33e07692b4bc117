package iampolicy

import (
	"errors"
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

// MalformedMessage is the text with which IAM refuses a document for err, an error of [Parse] or [Validate].
func MalformedMessage(err error) string {
	if invalid, ok := errors.AsType[*ValidationError](err); ok {
		return invalid.Message
	}
	if syntax, ok := errors.AsType[*SyntaxError](err); ok && syntax.legacy {
		return failedLegacyParsing
	}
	return syntaxErrors
}

const (
	syntaxErrors        = "Syntax errors in policy."
	failedLegacyParsing = "The policy failed legacy parsing"
)

// Validate reports the first reason why p cannot be a policy of kind, as a [*ValidationError]. The order of the checks
// is IAM's, so that a document with several faults is refused for the same one.
func Validate(p *Policy, kind Kind) error {
	v := validator{kind: kind, version: p.Version}
	if len(p.Statements) == 0 {
		return v.fail("Statement", syntaxErrors)
	}
	if p.Version != Version2012 && (kind == Identity || kind == RCP) {
		return v.fail("Version", "Policy document must be version 2012-10-17 or greater.")
	}
	for _, check := range []func(*Statement) error{
		v.condition, v.legacyResource, v.sid, v.principal, v.actionPresent, v.resource, v.action, v.resourcePresent,
	} {
		for i := range p.Statements {
			v.path = fmt.Sprintf("Statement[%d]", i)
			if err := check(&p.Statements[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

type validator struct {
	kind    Kind
	version Version
	path    string
	sids    []string // seen so far
}

func (v *validator) fail(element, format string, values ...any) error {
	path := element
	if v.path != "" {
		path = v.path + "." + element
	}
	return &ValidationError{Path: path, Message: fmt.Sprintf(format, values...)}
}

// sid allows letters and digits where IAM is strict; resources' policies take any text.
func (v *validator) sid(s *Statement) error {
	if s.Sid == "" {
		return nil
	}
	if slices.Contains(v.sids, s.Sid) {
		return v.fail("Sid", "Statement IDs (SID) in a single policy must be unique.")
	}
	v.sids = append(v.sids, s.Sid)
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

func (v *validator) actionPresent(s *Statement) error {
	if element, actions := s.actionElement(); len(actions) == 0 {
		return v.fail(element, "Policy statement must contain actions.")
	}
	return nil
}

func (s *Statement) actionElement() (element string, actions []string) {
	if s.NotActions != nil {
		return "NotAction", s.NotActions
	}
	return "Action", s.Actions
}

func (s *Statement) resourceElement() (element string, resources []string) {
	if s.NotResources != nil {
		return "NotResource", s.NotResources
	}
	return "Resource", s.Resources
}

func (v *validator) action(s *Statement) error {
	element, actions := s.actionElement()
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
	case !found:
		return v.fail(element, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	case strings.Contains(name, ":"):
		return v.fail(element, "Actions/Condition can contain only one colon.")
	case vendor != "*" && strings.Trim(strings.ToLower(vendor), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "":
		return v.fail(element, "Vendor %s is not valid", vendor)
	}
	return nil
}

func (v *validator) resourcePresent(s *Statement) error {
	element, resources := s.resourceElement()
	if v.kind != Trust && len(resources) == 0 {
		return v.fail(element, "Policy statement must contain resources.")
	}
	return nil
}

// legacyResource is IAM's oldest check, which comes before the others: an ARN may end early, but not after an empty
// part, and must name a service. It leaves a resource with a fault of its own to [validator.resource].
func (v *validator) legacyResource(s *Statement) error {
	element, resources := s.resourceElement()
	for _, resource := range resources {
		if resource == "*" || v.oneResource(element, resource) != nil {
			continue
		}
		parts := strings.SplitN(resource, ":", arnSegments)
		if len(parts) < arnSegments && strings.Contains(resource, "::") || parts[2] == "" {
			return v.fail(element, failedLegacyParsing)
		}
	}
	return nil
}

func (v *validator) resource(s *Statement) error {
	element, resources := s.resourceElement()
	if v.kind == Trust && resources != nil {
		return v.fail(element, "Has prohibited field %s", element)
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
	parts := strings.SplitN(resource, ":", arnSegments)
	if len(parts) == 1 {
		return v.fail(element, `Resource %s must be in ARN format or "*".`, resource)
	}
	partition := parts[1]
	if !strings.ContainsAny(partition, "*?$") && !slices.Contains(partitions, partition) {
		full := append(parts[2:], "*", "*", "*", "*")[:4]
		return v.fail(element, `Partition "%s" is not valid for resource "arn:%s:%s".`, partition, partition, strings.Join(full, ":"))
	}
	if len(parts) == 2 {
		return v.fail(element, "Resource vendor must be fully qualified and cannot contain regexes.")
	}
	if v.kind == Identity {
		return v.ownServices(element, resource, parts)
	}
	return nil
}

// ownServices is what IAM knows about the ARNs of IAM and S3: global names, IAM's with a path of a known type.
func (v *validator) ownServices(element, resource string, parts []string) error {
	if len(parts) < arnSegments {
		return nil
	}
	region, account, path := parts[3], parts[4], parts[5]
	regional := region != "" && !strings.ContainsAny(region, "*?$")
	switch parts[2] {
	case "s3":
		if regional && account == "" {
			return v.fail(element, "Resource %s can not contain region information.", resource)
		}
	case "iam":
		if regional {
			return v.fail(element, "IAM resource %s cannot contain region information.", resource)
		}
		known := func(start string) bool { return strings.HasPrefix(path, start) }
		if path != "root" && !strings.HasPrefix(path, "*") && !slices.ContainsFunc(iamPaths, known) {
			return v.fail(element, `IAM resource path must either be "*" or start with %s.`, strings.Join(iamPaths, ", "))
		}
	}
	return nil
}

var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func (v *validator) condition(s *Statement) error {
	for _, line := range s.Conditions {
		operator, ok := parseOperator(line.Operator)
		if !ok {
			return v.fail("Condition", syntaxErrors)
		}
		compiled := condition{operator: operator}
		for _, value := range line.Values {
			if compiled.addValue(value, v.version == Version2012) {
				continue
			}
			if operator.family == dateFamily {
				return v.fail("Condition", failedLegacyParsing)
			}
			return v.fail("Condition", "The value %q of %s is not valid for the operator %s.", value, line.Key, operator)
		}
	}
	return nil
}
