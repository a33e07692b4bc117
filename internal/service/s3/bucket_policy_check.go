package s3

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// checkPolicy reads a policy that is to be attached to a bucket, and refuses it in the words of S3 where it does not fit.
func (s *Service) checkPolicy(ctx context.Context, b state.Bucket, document string) (*iampolicy.Policy, error) {
	if !strings.HasPrefix(strings.TrimSpace(document), "{") {
		return nil, malformedPolicy("Policies must be valid JSON and the first byte must be '{'")
	}
	if !json.Valid([]byte(document)) {
		return nil, malformedPolicy("This policy contains invalid Json")
	}
	policy, err := iampolicy.Parse([]byte(document))
	if err != nil {
		return nil, syntaxOf(err)
	}
	if len(policy.Statements) == 0 {
		return nil, malformedPolicy("Could not parse the policy: Statement is empty!")
	}
	for i := range policy.Statements {
		if err := checkStatement(&policy.Statements[i], b.Name); err != nil {
			return nil, err
		}
	}
	if err := iampolicy.Validate(policy, iampolicy.Resource); err != nil {
		return nil, validityOf(err)
	}
	if s.principalExists == nil {
		return policy, nil
	}
	for _, statement := range policy.Statements {
		for _, principals := range []*iampolicy.Principals{statement.Principal, statement.NotPrincipal} {
			if principals == nil {
				continue
			}
			for _, name := range principals.AWS {
				if name == "*" {
					continue
				}
				there, err := s.principalExists(ctx, name)
				if err != nil {
					return nil, err
				}
				if !there {
					return nil, malformedPolicy("Invalid principal in policy", "Detail", `"AWS" : "`+name+`"`)
				}
			}
		}
	}
	return policy, nil
}

func malformedPolicy(message string, members ...string) error {
	return failure(http.StatusBadRequest, "MalformedPolicy", message, members...)
}

// syntaxOf is the refusal of a document that the policy language does not take.
func syntaxOf(err error) error {
	syntax, ok := errors.AsType[*iampolicy.SyntaxError](err)
	if !ok {
		return err
	}
	element := syntax.Path[strings.LastIndexByte(syntax.Path, '.')+1:]
	missing, isMissing := strings.CutSuffix(syntax.Reason, " is missing")
	switch {
	case isMissing:
		return malformedPolicy("Missing required field " + missing)
	case syntax.Path == "":
		return malformedPolicy("This policy contains invalid Json")
	case element == "Version":
		return malformedPolicy("The policy must contain a valid version string")
	case element == "Effect":
		return malformedPolicy("Invalid effect")
	case strings.Contains(syntax.Path, ".Principal"), strings.Contains(syntax.Path, ".NotPrincipal"):
		return malformedPolicy("Invalid principal in policy")
	case strings.Contains(syntax.Path, ".Condition.") && strings.Contains(syntax.Reason, "operator"):
		return malformedPolicy("Invalid Condition type : " + element)
	case strings.HasSuffix(syntax.Reason, "has no such element"):
		return malformedPolicy("Unknown field " + element)
	}
	return malformedPolicy("Policy has invalid " + strings.ToLower(element))
}

// validityOf is the refusal of a policy that is none for a resource.
func validityOf(err error) error {
	invalid, ok := errors.AsType[*iampolicy.ValidationError](err)
	if !ok {
		return err
	}
	switch {
	case strings.Contains(invalid.Path, "Principal") && !strings.HasPrefix(invalid.Message, "Missing"):
		return malformedPolicy("Invalid principal in policy")
	case strings.HasSuffix(invalid.Path, ".Condition") && strings.Contains(invalid.Message, "IpAddress"):
		return malformedPolicy("Invalid IP address in Conditions")
	}
	return malformedPolicy(invalid.Message)
}

// checkStatement holds resources and actions of a statement against the bucket: a policy speaks of its own alone, and of
// actions that are possible there.
func checkStatement(s *iampolicy.Statement, bucket string) error {
	if len(s.Actions)+len(s.NotActions) == 0 {
		return malformedPolicy("Missing required field Action")
	}
	resources := append(slices.Clone(s.Resources), s.NotResources...)
	if len(resources) == 0 {
		return malformedPolicy("Missing required field Resource")
	}
	arn := bucketARN(bucket)
	onBucket, onObjects := false, false
	for _, resource := range resources {
		name, key, below := strings.Cut(resource, "/")
		wild := strings.ContainsAny(name, "*?")
		if resource != "*" && (!strings.HasPrefix(resource, bucketARN("")) || name != arn && !wild || wild && !glob(name, arn)) {
			return malformedPolicy("Policy has invalid resource")
		}
		onBucket = onBucket || !below
		onObjects = onObjects || below && key != "" || wild
	}
	for _, action := range append(slices.Clone(s.Actions), s.NotActions...) {
		known, bucketWide, objectWide := actionScope(action)
		switch {
		case !known:
			return malformedPolicy("Policy has invalid action")
		case len(s.NotActions) == 0 && (!bucketWide || !onBucket) && (!objectWide || !onObjects):
			return malformedPolicy("Action does not apply to any resource(s) in statement")
		}
	}
	return checkConditions(s)
}

// checkConditions holds the condition keys of S3 in a statement against the reference: each is one that S3 has, and that
// requests for each of the actions can have. Global keys are the policy language's own matter.
func checkConditions(s *iampolicy.Statement) error {
	for _, condition := range s.Conditions {
		if len(condition.Key) < 3 || !strings.EqualFold(condition.Key[:3], "s3:") {
			continue
		}
		if !suppliesKey("*", condition.Key) {
			return malformedPolicy("Policy has an invalid condition key")
		}
		for _, action := range s.Actions {
			if !suppliesKey(action, condition.Key) {
				return malformedPolicy("Conditions do not apply to combination of actions and resources in statement")
			}
		}
	}
	return nil
}

// suppliesKey reports whether an action, or one of those that a pattern means, has a condition key.
func suppliesKey(pattern, key string) bool {
	for name, action := range actionsOfPolicies() {
		if glob(strings.ToLower(pattern), name) && slices.ContainsFunc(action.AllKeys(), func(k api.Key) bool {
			stem, _, open := strings.Cut(k.Name, "${")
			return strings.EqualFold(key, k.Name) || open && len(key) > len(stem) && strings.EqualFold(key[:len(stem)], stem)
		}) {
			return true
		}
	}
	return false
}

// actionScope tells of an action, or of all that a pattern means, whether S3 has it and what it is done to.
func actionScope(pattern string) (known, onBucket, onObjects bool) {
	for name, action := range actionsOfPolicies() {
		if !glob(strings.ToLower(pattern), name) {
			continue
		}
		known = true
		for _, t := range action.Types {
			onBucket = onBucket || t.Name == "bucket"
			onObjects = onObjects || t.Name == "object"
		}
	}
	return known, onBucket, onObjects
}

// actionsOfPolicies are the actions of S3 by name in lower case: "s3:getobject".
var actionsOfPolicies = sync.OnceValue(func() map[string]*api.Action {
	references, err := api.ParseReference(authorization)
	if err != nil {
		panic(err) // the file is part of the program
	}
	all := map[string]*api.Action{}
	for _, reference := range references {
		for _, action := range reference.Actions {
			all[strings.ToLower(reference.Prefix+":"+action.Name)] = action
		}
	}
	return all
})

// glob matches a pattern in which an asterisk stands for any text and a question mark for any byte.
func glob(pattern, text string) bool {
	star, resume := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
