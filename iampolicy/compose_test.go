package iampolicy

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestSequence: cures of two decisions change one policy, one after the other, and then both requests are allowed, and a third
// principal is denied as before.
func TestSequence(t *testing.T) {
	t.Parallel()
	const role, path = "arn:aws:iam::111111111111:role/jobs", "r-1/111111111111"
	scp := MustParse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Sid":"Both","Effect":"Deny","Action":["a:One","a:Two"],"Resource":"*"},{"Effect":"Deny","Action":"a:Two","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/admin"}}}]}`)
	world := func(scp *Policy) Policies {
		all := MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
		return Policies{SCPs: [][]Source{{{Name: "p", ID: "p-1", Policy: scp}}}, SCPTargets: []string{path}, Identity: []Source{{Name: "all", Policy: all}}}
	}
	request := func(role, action string) Request {
		return Request{Principal: Principal{ARN: role, RoleARN: role, AccountID: "111111111111"}, Action: action, Resource: "*", ResourceAccountID: "111111111111", Context: map[string][]string{"aws:PrincipalArn": {role}}}
	}
	var q Sequence
	last := scp
	for _, action := range []string{"a:One", "a:Two", "a:One"} {
		for _, cure := range ExplainRequest(request(role, action), world(scp)).Cures {
			made, is := q.Next(cure, role)
			if !is {
				continue
			}
			if made.Change != NarrowStatement || !strings.Contains(made.String(), "narrow ") {
				t.Errorf("the cure is %s", made)
			}
			last = MustParse(string(made.Document))
		}
		if d := Evaluate(request(role, action), world(last)); !d.Allowed {
			t.Errorf("%s is denied after its cures: %s", action, last)
		}
	}
	for _, action := range []string{"a:One", "a:Two"} {
		if Evaluate(request("arn:aws:iam::111111111111:role/other", action), world(last)).Allowed {
			t.Errorf("%s was opened to others: %s", action, last)
		}
		if !Evaluate(request(role, action), world(last)).Allowed {
			t.Errorf("%s is denied after all cures: %s", action, last)
		}
	}
}

// TestCureOfAKey: a key's policy gets the statement about grants that the example policies have.
func TestCureOfAKey(t *testing.T) {
	t.Parallel()
	const reader = "arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
	text, err := os.ReadFile("../examples/policies/key-resource.json")
	if err != nil {
		t.Fatal(err)
	}
	example := MustParse(string(text)).Statements[1]
	example.Sid = ""
	key := MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"kms:*","Resource":"*"}}`)
	r := Request{
		Principal: Principal{ARN: reader, RoleARN: reader, AccountID: "222222222222"}, Action: "kms:CreateGrant", Resource: "arn:aws:kms:eu-central-1:111111111111:key/1",
		ResourceAccountID: "111111111111", Context: map[string][]string{"kms:GrantIsForAWSResource": {"true"}},
	}
	p := Policies{KeyPolicy: true, Resource: []Source{{Name: "key", Policy: key}}, Identity: []Source{{Name: "all", Policy: MustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)}}}
	x := ExplainRequest(r, p)
	if len(x.Cures) != 1 || string(x.Cures[0].Statement) != string(example.print()) {
		t.Fatalf("the cures are %+v, want %s", x.Cures, example.print())
	}
	p.Resource[0].Policy = MustParse(string(x.Cures[0].Document))
	if !Evaluate(r, p).Allowed {
		t.Error("the cure does not cure")
	}
	var whole struct{ Statement []json.RawMessage }
	if err := json.Unmarshal(x.Cures[0].Document, &whole); err != nil || len(whole.Statement) != 2 {
		t.Errorf("%s: %v", x.Cures[0].Document, err)
	}
}
