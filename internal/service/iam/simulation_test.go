package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/service/iam/iamtest"
)

func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	read := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"}}`
	tagged := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}},
		{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}]}`
	bucket := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/u"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`

	for name, tt := range map[string]struct {
		in   iam.SimulateCustomPolicyInput
		want []string // action: decision, policies whose statements decided; missing keys
	}{
		"two actions": {
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{read}, ActionNames: []string{"s3:GetObject", "s3:PutObject"}, ResourceArns: []string{"arn:aws:s3:::a/k"}},
			[]string{"s3:GetObject allowed [PolicyInputList.1] []", "s3:PutObject implicitDeny [] []"},
		},
		"everything, which the policy does not allow": {
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{read}, ActionNames: []string{"s3:GetObject"}},
			[]string{"s3:GetObject implicitDeny [] []"},
		},
		"a key is missing": {
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{tagged}, ActionNames: []string{"s3:GetObject"}},
			[]string{"s3:GetObject implicitDeny [] [aws:PrincipalTag/Team]"},
		},
		"the key is given": {
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{tagged}, ActionNames: []string{"s3:GetObject", "s3:DeleteObject"}, ContextEntries: []types.ContextEntry{
				{ContextKeyName: p("AWS:principaltag/team"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"blue"}},
			}},
			[]string{"s3:GetObject allowed [PolicyInputList.1] []", "s3:DeleteObject explicitDeny [PolicyInputList.1] []"},
		},
		"a boundary that leaves nothing": {
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{read}, ActionNames: []string{"iam:GetUser"}},
			[]string{"iam:GetUser implicitDeny [] [] boundary=false"},
		},
		"an organization that denies": {
			iam.SimulateCustomPolicyInput{
				PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject", "s3:DeleteObject"},
				OrderedOrganizationPolicyInputList: []types.OrderedOrganizationPolicyType{
					{ServiceControlPolicyInputList: []string{allowAll, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}}`}},
				},
			},
			[]string{"s3:GetObject allowed [PolicyInputList.1] [] organization=true", "s3:DeleteObject explicitDeny [] [] organization=false"},
		},
		"a bucket of another account": {
			iam.SimulateCustomPolicyInput{
				PolicyInputList: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`},
				ActionNames:     []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, ResourcePolicy: &bucket,
				ResourceOwner: p("arn:aws:iam::222222222222:root"), CallerArn: p("arn:aws:iam::111111111111:user/u"),
			},
			[]string{"s3:GetObject allowed [ResourcePolicy PolicyInputList.1] [] IAM Policy=allowed Resource Policy=allowed"},
		},
	} {
		out := must[*iam.SimulateCustomPolicyOutput](t)(c.SimulateCustomPolicy(ctx, &tt.in))
		var got []string
		for _, r := range out.EvaluationResults {
			got = append(got, described(r))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	several := must[*iam.SimulateCustomPolicyOutput](t)(c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{
		PolicyInputList: []string{read}, ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::a/k", "arn:aws:s3:::b/k"},
	})).EvaluationResults
	if len(several) != 1 || several[0].EvalDecision != "implicitDeny" || len(several[0].ResourceSpecificResults) != 2 ||
		several[0].ResourceSpecificResults[0].EvalResourceDecision != "allowed" || several[0].ResourceSpecificResults[1].EvalResourceDecision != "implicitDeny" {
		t.Errorf("over two resources: %+v", several)
	}
	if at := several[0].ResourceSpecificResults[0].MatchedStatements[0]; at.StartPosition.Line != 1 || at.StartPosition.Column == 0 || at.EndPosition.Column <= at.StartPosition.Column {
		t.Errorf("the statement stands at %+v to %+v", at.StartPosition, at.EndPosition)
	}

	var actions []string
	pages := iam.NewSimulateCustomPolicyPaginator(c, &iam.SimulateCustomPolicyInput{
		PolicyInputList: []string{read}, ActionNames: []string{"s3:A", "s3:B", "s3:C"}, MaxItems: p(int32(2)),
	})
	for pages.HasMorePages() {
		for _, r := range must[*iam.SimulateCustomPolicyOutput](t)(pages.NextPage(ctx)).EvaluationResults {
			actions = append(actions, *r.EvalActionName)
		}
	}
	if diff := cmp.Diff([]string{"s3:A", "s3:B", "s3:C"}, actions); diff != "" {
		t.Error(diff)
	}

	for name, in := range map[string]iam.SimulateCustomPolicyInput{
		"no policy":                          {PolicyInputList: []string{"{"}, ActionNames: []string{"s3:A"}},
		"a wildcard":                         {PolicyInputList: []string{read}, ActionNames: []string{"s3:*"}},
		"a resource's policy without caller": {PolicyInputList: []string{read}, ActionNames: []string{"s3:A"}, ResourcePolicy: &bucket},
		"an owner that is none":              {PolicyInputList: []string{read}, ActionNames: []string{"s3:A"}, ResourceOwner: p("x")},
	} {
		if _, err := c.SimulateCustomPolicy(ctx, &in); code(err) != "InvalidInput 400" {
			t.Errorf("%s: %v", name, err)
		}
	}

	keys := must[*iam.GetContextKeysForCustomPolicyOutput](t)(c.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{
		PolicyInputList: []string{tagged, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a/${aws:username}/*"}}`},
	})).ContextKeyNames
	if diff := cmp.Diff([]string{"aws:PrincipalTag/Team", "aws:username"}, keys); diff != "" {
		t.Error(diff)
	}
}

// described is what a result says, on one line.
func described(r types.EvaluationResult) string {
	var by []string
	for _, m := range r.MatchedStatements {
		by = append(by, *m.SourcePolicyId)
	}
	text := *r.EvalActionName + " " + string(r.EvalDecision) + " [" + strings.Join(by, " ") + "] [" + strings.Join(r.MissingContextValues, " ") + "]"
	truth := map[bool]string{true: "true", false: "false"}
	if d := r.PermissionsBoundaryDecisionDetail; d != nil {
		text += " boundary=" + truth[d.AllowedByPermissionsBoundary]
	}
	if d := r.OrganizationsDecisionDetail; d != nil {
		text += " organization=" + truth[d.AllowedByOrganizations]
	}
	for _, side := range []string{"IAM Policy", "Resource Policy"} {
		if said, ok := r.EvalDecisionDetails[side]; ok {
			text += " " + side + "=" + string(said)
		}
	}
	return text
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	h := iamtest.New(t)
	h.Organize(t)
	c, ctx := h.IAMClient(iamtest.Member), t.Context()
	h.User(t, iamtest.Member, "u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}`)
	must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: p("g")}))
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: p("g"), UserName: p("u")}))
	must[*iam.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: p("g"), PolicyArn: p("arn:aws:iam::aws:policy/ReadOnlyAccess")}))
	bounded := must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: p("bound"), PolicyDocument: p(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)})).Policy.Arn
	role := h.Role(t, iamtest.Member, "r", trustBackup, "arn:aws:iam::aws:policy/AdministratorAccess")

	simulate := func(arn string, actions ...string) (lines []string) {
		t.Helper()
		for _, r := range must[*iam.SimulatePrincipalPolicyOutput](t)(c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: actions})).EvaluationResults {
			line := described(r)
			for _, m := range r.MatchedStatements {
				line += " " + string(m.SourcePolicyType)
			}
			lines = append(lines, line)
		}
		return lines
	}
	user, group := "arn:aws:iam::111111111111:user/u", "arn:aws:iam::111111111111:group/g"
	if diff := cmp.Diff([]string{"s3:GetObject allowed [p ReadOnlyAccess] [s3express:SessionMode] user aws-managed", "s3:PutObject implicitDeny [] [s3express:SessionMode]"}, simulate(user, "s3:GetObject", "s3:PutObject")); diff != "" {
		t.Errorf("the user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"iam:ListRoles allowed [ReadOnlyAccess] [s3express:SessionMode] aws-managed"}, simulate(group, "iam:ListRoles")); diff != "" {
		t.Errorf("the group (-want +got):\n%s", diff)
	}
	must[*iam.PutRolePermissionsBoundaryOutput](t)(c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: p("r"), PermissionsBoundary: bounded}))
	if diff := cmp.Diff([]string{
		"s3:PutObject allowed [AdministratorAccess bound] [] boundary=true aws-managed user-managed", "ec2:RunInstances implicitDeny [] [] boundary=false",
	}, simulate(role, "s3:PutObject", "ec2:RunInstances")); diff != "" {
		t.Errorf("the role (-want +got):\n%s", diff)
	}
	pages := iam.NewSimulatePrincipalPolicyPaginator(c, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &user, ActionNames: []string{"s3:A", "s3:B"}, MaxItems: p(int32(1))})
	n := 0
	for ; pages.HasMorePages(); n++ {
		must[*iam.SimulatePrincipalPolicyOutput](t)(pages.NextPage(ctx))
	}
	if n != 2 {
		t.Errorf("%d pages", n)
	}
	for arn, want := range map[string]string{
		"arn:aws:iam::111111111111:user/none": "NoSuchEntity 404", "arn:aws:iam::222222222222:user/admin": "NoSuchEntity 404",
		"arn:aws:iam::111111111111:policy/bound": "InvalidInput 400", "arn:aws:iam::111111111111:user/path/u": "NoSuchEntity 404",
	} {
		if _, err := c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: []string{"s3:A"}}); code(err) != want {
			t.Errorf("%s: %v, want %s", arn, err, want)
		}
	}
	keys := must[*iam.GetContextKeysForPrincipalPolicyOutput](t)(c.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{
		PolicySourceArn: &role, PolicyInputList: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`},
	})).ContextKeyNames
	if diff := cmp.Diff([]string{"aws:SecureTransport"}, keys); diff != "" {
		t.Error(diff)
	}
}
