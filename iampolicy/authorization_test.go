package iampolicy

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuthorizationMessage(t *testing.T) {
	t.Parallel()
	vault := MustParse(`{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"},
		{"Sid": "Keep", "Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "backup:Delete*", "Resource": "*",
		"Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}`)
	r := Request{
		Principal: alice, Action: "backup:DeleteRecoveryPoint", Resource: "arn:aws:backup:eu-central-1:111122223333:recovery-point:1",
		Context: map[string][]string{"aws:TagKeys": {"a", "b"}, "aws:SecureTransport": {"true"}},
	}
	const context = `"context": {
		"principal": {"id": "AIDAALICE", "name": "alice", "arn": "arn:aws:iam::111122223333:user/team/alice"},
		"action": "backup:DeleteRecoveryPoint",
		"resource": "arn:aws:backup:eu-central-1:111122223333:recovery-point:1",
		"conditions": {"items": [
			{"key": "aws:SecureTransport", "values": {"items": [{"value": "true"}]}},
			{"key": "aws:TagKeys", "values": {"items": [{"value": "a"}, {"value": "b"}]}}]}}}`
	for _, test := range []struct {
		name     string
		policies Policies
		want     string
	}{
		{"explicit", Policies{Identity: identity, Resource: []Source{{Policy: vault}}}, `{"allowed": false, "explicitDeny": true,
			"matchedStatements": {"items": [{"statementId": "Keep", "effect": "DENY",
				"principals": {"items": [{"value": "111122223333"}]},
				"actions": {"items": [{"value": "backup:Delete*"}]},
				"resources": {"items": [{"value": "*"}]},
				"conditions": {"items": [{"key": "aws:SecureTransport", "values": {"items": [{"value": "true"}]}}]}}]},
			"failures": {"items": []}, ` + context},
		{"implicit", Policies{}, `{"allowed": false, "explicitDeny": false,
			"matchedStatements": {"items": []}, "failures": {"items": []}, ` + context},
	} {
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(test.want)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(Evaluate(r, test.policies).AuthorizationMessage(r))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
}

func TestDecisionHasItsStatement(t *testing.T) {
	t.Parallel()
	r := Request{Principal: session, Action: "kms:Decrypt", Resource: "*"}
	for name, test := range map[string]struct {
		policies Policies
		want     bool
	}{
		"identity": {Policies{Identity: identity}, true},
		"grant":    {Policies{KeyPolicy: true, Resource: to(`{"AWS": "111122223333"}`), Grants: []Grant{{"g", session.RoleARN}}}, false},
		"none":     {Policies{}, false},
	} {
		d := Evaluate(r, test.policies)
		s := d.Statement()
		if (s != nil) != test.want {
			t.Errorf("%s: the statement is %+v", name, s)
		}
		if s != nil && (s.Effect != d.By.Effect || s.Sid != d.By.Sid) {
			t.Errorf("%s: the statement is %+v, decided by %+v", name, s, d.By)
		}
	}
}
