package iampolicy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// AuthorizationMessage is the JSON document behind the encoded message of a denied call, which
// sts:DecodeAuthorizationMessage shows
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html): the decision, the statement
// that took it, the principal, action and resource, and the request's condition keys. Encrypting it is the caller's
// business.
func (d Decision) AuthorizationMessage(r Request) []byte {
	p := &r.Principal
	message := authorization{
		Allowed:           d.Allowed,
		ExplicitDeny:      d.Reason == ExplicitDeny,
		MatchedStatements: newItems([]matchedStatement{}),
		Failures:          newItems([]string{}),
		Context: authorizationContext{
			Principal:  authorizationPrincipal{ID: p.UserID, Name: p.shortName(), ARN: p.ARN},
			Action:     r.Action,
			Resource:   r.Resource,
			Conditions: newItems([]contextKey{}),
		},
	}
	if s := d.Statement(); s != nil {
		message.MatchedStatements = newItems([]matchedStatement{newMatchedStatement(s)})
	}
	for _, key := range slices.Sorted(maps.Keys(r.Context)) {
		message.Context.Conditions.Items = append(message.Context.Conditions.Items, contextKey{key, newValues(r.Context[key])})
	}
	document, err := json.Marshal(message)
	if err != nil {
		panic("iampolicy: strings and lists of strings always encode: " + err.Error())
	}
	return document
}

// authorization and the types below are the document's members.
type authorization struct {
	Allowed           bool                    `json:"allowed"`
	ExplicitDeny      bool                    `json:"explicitDeny"`
	MatchedStatements items[matchedStatement] `json:"matchedStatements"`
	Failures          items[string]           `json:"failures"`
	Context           authorizationContext    `json:"context"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

func newItems[T any](list []T) items[T] { return items[T]{list} }

type itemValue struct {
	Value string `json:"value"`
}

func newValues(list []string) items[itemValue] {
	values := make([]itemValue, len(list))
	for i, text := range list {
		values[i].Value = text
	}
	return newItems(values)
}

type contextKey struct {
	Key    string           `json:"key"`
	Values items[itemValue] `json:"values"`
}

type authorizationContext struct {
	Principal  authorizationPrincipal `json:"principal"`
	Action     string                 `json:"action"`
	Resource   string                 `json:"resource"`
	Conditions items[contextKey]      `json:"conditions"`
}

type authorizationPrincipal struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	ARN  string `json:"arn"`
}

type matchedStatement struct {
	StatementID string            `json:"statementId"`
	Effect      string            `json:"effect"`
	Principals  items[itemValue]  `json:"principals"`
	Actions     items[itemValue]  `json:"actions"`
	Resources   items[itemValue]  `json:"resources"`
	Conditions  items[contextKey] `json:"conditions"`
}

func newMatchedStatement(s *Statement) matchedStatement {
	m := matchedStatement{
		StatementID: s.Sid,
		Effect:      strings.ToUpper(string(s.Effect)),
		Principals:  newValues(nil),
		Actions:     newValues(s.Actions),
		Resources:   newValues(s.Resources),
		Conditions:  newItems([]contextKey{}),
	}
	if ps := s.Principal; ps != nil {
		all := slices.Concat(ps.AWS, ps.Service, ps.Federated, ps.CanonicalUser)
		if ps.Everyone {
			all = []string{"*"}
		}
		m.Principals = newValues(all)
	}
	for _, c := range s.Conditions {
		m.Conditions.Items = append(m.Conditions.Items, contextKey{c.Key, newValues(c.Values)})
	}
	return m
}

// shortName is the last part of a user's or session's ARN.
func (p *Principal) shortName() string { return p.ARN[strings.LastIndexAny(p.ARN, ":/")+1:] }
