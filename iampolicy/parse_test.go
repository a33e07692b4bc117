package iampolicy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseReadsEveryElement(t *testing.T) {
	t.Parallel()
	document := `{
		"Version": "2012-10-17",
		"Id": "vault-policy",
		"Statement": {
			"Sid": "CopyInto",
			"Effect": "Allow",
			"Principal": {"AWS": ["111122223333", "*"], "Service": "backup.amazonaws.com"},
			"Action": "backup:CopyIntoBackupVault",
			"NotResource": ["arn:aws:backup:*:*:backup-vault:a", "arn:aws:backup:*:*:backup-vault:b"],
			"Condition": {"forallvalues:stringlikeifexists": {"aws:TagKeys": ["a", 1, true]}, "null": {"aws:x": false}}
		}
	}`
	p, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want := &Policy{
		Version: Version2012,
		ID:      "vault-policy",
		Statements: []Statement{{
			Sid:          "CopyInto",
			Effect:       Allow,
			Principal:    &Principals{AWS: []string{"111122223333", "*"}, Service: []string{"backup.amazonaws.com"}},
			Actions:      []string{"backup:CopyIntoBackupVault"},
			NotResources: []string{"arn:aws:backup:*:*:backup-vault:a", "arn:aws:backup:*:*:backup-vault:b"},
			Conditions: []Condition{
				{"ForAllValues:StringLikeIfExists", "aws:TagKeys", []string{"a", "1", "true"}},
				{"Null", "aws:x", []string{"false"}},
			},
			Start: Position{Offset: strings.Index(document, `{`+"\n\t\t\t"), Line: 4, Column: 16},
			End:   Position{Offset: strings.LastIndex(document, "\n"), Line: 11, Column: 4},
		}},
	}
	if diff := cmp.Diff(want, p, cmpopts.IgnoreUnexported(Statement{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	const printed = `{"Version":"2012-10-17","Id":"vault-policy","Statement":[{"Sid":"CopyInto","Effect":"Allow",` +
		`"Principal":{"AWS":["111122223333","*"],"Service":"backup.amazonaws.com"},"Action":"backup:CopyIntoBackupVault",` +
		`"NotResource":["arn:aws:backup:*:*:backup-vault:a","arn:aws:backup:*:*:backup-vault:b"],` +
		`"Condition":{"ForAllValues:StringLikeIfExists":{"aws:TagKeys":["a","1","true"]},"Null":{"aws:x":"false"}}}]}`
	if got := p.String(); got != printed {
		t.Errorf("printed\n%s, want\n%s", got, printed)
	}
}

func TestParseNamesThePlaceOfAnError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, document, want string }{
		{"nothing", ``, `policy syntax: the document (line 1, column 1): the document ends too early`},
		{"cut off", "{\n  \"Version\"", `policy syntax: Version (line 2, column 12): the document ends too early`},
		{"no JSON", `{"Version": nope}`, `policy syntax: Version (line 1, column 13): invalid character 'o' in literal null (expecting 'u')`},
		{"no object", `[]`, `policy syntax: the document (line 1, column 1): a policy is a JSON object`},
		{"text behind", `{"Statement": []} x`, `policy syntax: the document (line 1, column 19): there is text behind the document`},
		{"no statement", `{"Version": "2012-10-17"}`, `policy syntax: the document (line 1, column 1): Statement is missing`},
		{"other version", `{"Version": "2013-10-17", "Statement": []}`, `policy syntax: Version (line 1, column 13): it must be 2012-10-17 or 2008-10-17`},
		{"other element", `{"Statements": []}`, `policy syntax: Statements (line 1, column 2): a policy has no such element`},
		{"element twice", `{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}`, `policy syntax: Statement[0].Effect (line 1, column 36): it is given twice`},
		{"effect is a list", `{"Statement": [{"Effect": []}]}`, `policy syntax: Statement[0].Effect (line 1, column 27): it must be a string`},
		{"version is a number", `{"Version": 2012}`, `policy syntax: Version (line 1, column 13): it must be a string`},
		{"statement element", `{"Statement": [{"Actions": "*"}]}`, `policy syntax: Statement[0].Actions (line 1, column 17): a statement has no such element`},
		{"action is null", `{"Statement": [{"Action": null}]}`, `policy syntax: Statement[0].Action (line 1, column 27): it must be a string or a list of strings`},
		{"both principals", `{"Statement": {"Effect": "Deny", "Principal": "*", "NotPrincipal": "*"}}`, `policy syntax: Statement (line 1, column 15): it has both Principal and NotPrincipal`},
		{"both resources", `{"Statement": {"Effect": "Deny", "Resource": "*", "NotResource": "*"}}`, `policy syntax: Statement (line 1, column 15): it has both Resource and NotResource`},
		{"principal is a list", `{"Statement": {"Principal": ["*"]}}`, `policy syntax: Statement.Principal (line 1, column 29): it must be "*" or an object of principal types`},
		{"nobody", `{"Statement": {"Principal": {}}}`, `policy syntax: Statement.Principal (line 1, column 29): it names nobody`},
		{"conditions are a list", `{"Statement": {"Condition": []}}`, `policy syntax: Statement.Condition (line 1, column 29): it must be an object of operators`},
		{"keys are text", `{"Statement": {"Condition": {"Bool": "x"}}}`, `policy syntax: Statement.Condition.Bool (line 1, column 38): it must be an object of condition keys`},
		{"empty key", `{"Statement": {"Condition": {"Bool": {"": "x"}}}}`, `policy syntax: Statement.Condition.Bool. (line 1, column 39): the condition key is empty`},
		{"no effect", `{"Statement": [{}]}`, `policy syntax: Statement[0] (line 1, column 16): Effect is missing`},
		{"effect's case", `{"Statement": [{"Effect": "allow"}]}`, `policy syntax: Statement[0].Effect (line 1, column 27): it must be Allow or Deny`},
		{"statement is text", `{"Statement": ["x"]}`, `policy syntax: Statement[0] (line 1, column 16): a statement is a JSON object`},
		{"action is a number", "{\"Statement\": {\n\"Action\": [\n1]}}", `policy syntax: Statement.Action[0] (line 3, column 1): it must be a string`},
		{"both actions", `{"Statement": {"Effect": "Deny", "Action": [], "NotAction": []}}`, `policy syntax: Statement (line 1, column 15): it has both Action and NotAction`},
		{"bare principal", `{"Statement": {"Effect": "Deny", "Principal": "111122223333"}}`, `policy syntax: Statement.Principal (line 1, column 47): the only principal without a type is "*"`},
		{"principal type", `{"Statement": {"Effect": "Deny", "Principal": {"Aws": "*"}}}`, `policy syntax: Statement.Principal.Aws (line 1, column 48): the types are AWS, Service, Federated and CanonicalUser`},
		{"operator", `{"Statement": {"Effect": "Deny", "Condition": {"StringIs": {"a:b": "c"}}}}`, `policy syntax: Statement.Condition.StringIs (line 1, column 48): there is no such condition operator`},
		{"NullIfExists", `{"Statement": {"Effect": "Deny", "Condition": {"NullIfExists": {"a:b": "true"}}}}`, `policy syntax: Statement.Condition.NullIfExists (line 1, column 48): there is no such condition operator`},
		{"operator twice", `{"Statement": {"Effect": "Deny", "Condition": {"Bool": {}, "bool": {}}}}`, `policy syntax: Statement.Condition.bool (line 1, column 60): it is given twice`},
		{"nested value", `{"Statement": {"Effect": "Deny", "Condition": {"Bool": {"a:b": [[]]}}}}`, `policy syntax: Statement.Condition.Bool.a:b[0] (line 1, column 65): it must be a string, a number or a boolean`},
		{"deep", `{"Statement": [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}`, `policy syntax: Statement[0][0][0][0][0][0][0][0][0][0][0][0] (line 1, column 27): it is nested too deeply`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(test.document))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Errorf("the error is a %T", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
