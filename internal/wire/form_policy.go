package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"strongroom/internal/api"
)

// postPolicy is what the signer of a form allows whoever posts it:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
type postPolicy struct {
	expiration  time.Time
	conditions  []postCondition
	least, most int64 // of the file, in bytes
}

// postCondition holds one field.
type postCondition struct {
	operator, field, value string // operator is "eq" or "starts-with", field in lower case
	text                   string // as the policy has it
}

func invalidPolicy(format string, args ...any) error {
	return api.Errorf("InvalidPolicyDocument", "Invalid Policy: %s", fmt.Sprintf(format, args...))
}

func policyRefusal(format string, args ...any) error {
	return api.Errorf("AccessDenied", "Invalid according to Policy: %s", fmt.Sprintf(format, args...)).WithStatus(http.StatusForbidden)
}

func parsePostPolicy(text string) (*postPolicy, error) {
	data, err := decodePolicy(text)
	if err != nil {
		return nil, err
	}
	var document struct {
		Expiration *string
		Conditions []json.RawMessage
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, invalidPolicy("Invalid JSON.")
	}
	if document.Expiration == nil {
		return nil, invalidPolicy("Policy missing expiration.")
	}
	if document.Conditions == nil {
		return nil, invalidPolicy("Policy missing conditions.")
	}
	p := &postPolicy{most: math.MaxInt64}
	if p.expiration, err = time.Parse(time.RFC3339, *document.Expiration); err != nil {
		return nil, invalidPolicy("Invalid 'expiration' value: '%s'", clip(*document.Expiration))
	}
	for _, raw := range document.Conditions {
		if err := p.add(raw); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add reads a condition: {"field": "value"}, [operator, "$field", "value"] or ["content-length-range", least, most].
func (p *postPolicy) add(raw json.RawMessage) error {
	var exact map[string]string
	if json.Unmarshal(raw, &exact) == nil {
		for _, field := range slices.Sorted(maps.Keys(exact)) {
			text := fmt.Sprintf(`["eq", "$%s", "%s"]`, field, exact[field])
			p.conditions = append(p.conditions, postCondition{"eq", strings.ToLower(field), exact[field], text})
		}
		return nil
	}
	var list []any
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 3 {
		return invalidPolicy("Invalid Condition: expected an object, or a list of three: %s", clip(string(raw)))
	}
	operator, _ := list[0].(string)
	operator = strings.ToLower(operator)
	if operator == "content-length-range" {
		least, okLeast := list[1].(float64)
		most, okMost := list[2].(float64)
		if !okLeast || !okMost || least < 0 || most < least {
			return invalidPolicy("Invalid content-length-range: %s", clip(string(raw)))
		}
		p.least, p.most = max(p.least, int64(least)), min(p.most, int64(most))
		return nil
	}
	field, okField := list[1].(string)
	value, okValue := list[2].(string)
	field, dollar := strings.CutPrefix(field, "$")
	if operator != "eq" && operator != "starts-with" || !okField || !okValue || !dollar {
		return invalidPolicy("Invalid Condition: %s", clip(string(raw)))
	}
	p.conditions = append(p.conditions, postCondition{operator, strings.ToLower(field), value, fmt.Sprintf(`["%s", "$%s", "%s"]`, operator, field, value)})
	return nil
}

// hold asks whether the policy allows the form: it has not expired, every condition holds, and no field is without one.
func (p *postPolicy) hold(form *postForm, now time.Time) error {
	if !now.Before(p.expiration) {
		return policyRefusal("Policy expired.")
	}
	named := map[string]bool{}
	for _, c := range p.conditions {
		named[c.field] = true
		value := form.field(c.field)
		if c.field == "bucket" {
			value = form.bucket
		}
		if !c.holds(value) {
			return policyRefusal("Policy Condition failed: %s", c.text)
		}
	}
	if !named["bucket"] { // it is a field of every form, given or not
		return policyRefusal("Extra input fields: bucket")
	}
	for _, field := range slices.Sorted(maps.Keys(form.fields)) {
		switch {
		case named[field], field == "policy", field == "x-amz-signature", field == "file", strings.HasPrefix(field, "x-ignore-"):
		default:
			return policyRefusal("Extra input fields: %s", clip(field))
		}
	}
	return nil
}

func (c postCondition) holds(value string) bool {
	if c.operator == "eq" {
		return value == c.value
	}
	// A type may be a list, of which each must be allowed.
	if c.field == "content-type" {
		for each := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(each), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}
