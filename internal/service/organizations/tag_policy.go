package organizations

import (
	"strongroom/backuppolicy/inheritance"
	"strongroom/internal/state"
	"strongroom/tagpolicy"
)

// tagPolicies say what tags should be like.
var tagPolicies = &management{
	parse: func(content string) (*inheritance.Document, error) {
		p, err := tagpolicy.Parse(content)
		if err != nil {
			return nil, err
		}
		return p.Document(), nil
	},
	effective: func(m *inheritance.Merged) outcome {
		o := outcome{content: string(m.Content())}
		for _, v := range tagpolicy.Violations(m) {
			o.errors = append(o.errors, state.EffectivePolicyError{Code: v.Code, Message: v.Message, Path: v.Path, Contributing: v.PolicyIDs})
		}
		return o
	},
}
