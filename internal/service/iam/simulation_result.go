package iam

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/iampolicy"
	"strongroom/internal/api"
)

// simulate answers a page of results, one for each action.
func (s *Service) simulate(c *api.Caller, in any, sim *simulation) ([]types.EvaluationResult, *string, error) {
	print, err := fingerprint(in)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.page(c, in, print)
	if err != nil {
		return nil, nil, err
	}
	places := make([]int, len(sim.actions))
	for i := range places {
		places[i] = i
	}
	wanted, next := cut(p, places, func(i int) string { return fmt.Sprintf("%06d", i) })
	results := make([]types.EvaluationResult, 0, len(wanted))
	for _, i := range wanted {
		results = append(results, sim.run(sim.actions[i]))
	}
	return results, next, nil
}

// fingerprint is the same for all pages of one list, whatever else its input says, and for no other.
func fingerprint(in any) (string, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return "", err
	}
	delete(fields, "Marker")
	delete(fields, "MaxItems")
	if text, err = json.Marshal(fields); err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// run decides over one action on all resources. The result as a whole is the strictest of theirs:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
func (sim *simulation) run(action string) types.EvaluationResult {
	result := types.EvaluationResult{
		EvalActionName: aws.String(action), EvalResourceName: aws.String("*"), EvalDecision: types.PolicyEvaluationDecisionTypeAllowed,
		MatchedStatements: []types.Statement{}, MissingContextValues: []string{}, ResourceSpecificResults: []types.ResourceSpecificResult{},
	}
	if len(sim.resources) == 1 {
		result.EvalResourceName = aws.String(sim.resources[0])
	}
	if sim.bounded {
		result.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: true}
	}
	if len(sim.policies.SCPs) > 0 {
		result.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: true}
	}
	for _, resource := range sim.resources {
		request := sim.request
		request.Action, request.Resource = action, resource
		sim.add(&result, resource, iampolicy.Simulate(request, sim.policies))
	}
	return result
}

// strictness orders decisions: the greatest one decides over several resources.
var strictness = map[types.PolicyEvaluationDecisionType]int{
	types.PolicyEvaluationDecisionTypeAllowed: 0, types.PolicyEvaluationDecisionTypeImplicitDeny: 1, types.PolicyEvaluationDecisionTypeExplicitDeny: 2,
}

// add adds what was decided over one resource.
func (sim *simulation) add(result *types.EvaluationResult, resource string, s iampolicy.Simulation) {
	one := types.ResourceSpecificResult{
		EvalResourceName: aws.String(resource), EvalResourceDecision: types.PolicyEvaluationDecisionType(s.Reason),
		MatchedStatements: sim.statements(&s), MissingContextValues: append([]string{}, s.MissingContext...),
	}
	if strictness[one.EvalResourceDecision] > strictness[result.EvalDecision] {
		result.EvalDecision = one.EvalResourceDecision
	}
	for _, statement := range one.MatchedStatements {
		if !slices.ContainsFunc(result.MatchedStatements, func(s types.Statement) bool { return sameStatement(s, statement) }) {
			result.MatchedStatements = append(result.MatchedStatements, statement)
		}
	}
	for _, key := range one.MissingContextValues {
		if !slices.ContainsFunc(result.MissingContextValues, func(k string) bool { return strings.EqualFold(k, key) }) {
			result.MissingContextValues = append(result.MissingContextValues, key)
		}
	}
	if sim.request.Principal.AccountID != sim.request.ResourceAccountID {
		one.EvalDecisionDetails = sim.details(&s)
		result.EvalDecisionDetails = one.EvalDecisionDetails
	}
	if sim.bounded {
		reason, _ := s.GateReason(iampolicy.GateBoundary)
		one.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: reason == iampolicy.Allowed}
		result.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary = result.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary && reason == iampolicy.Allowed
	}
	if len(sim.policies.SCPs) > 0 {
		reason, _ := s.GateReason(iampolicy.GateSCP)
		result.OrganizationsDecisionDetail.AllowedByOrganizations = result.OrganizationsDecisionDetail.AllowedByOrganizations && reason == iampolicy.Allowed
	}
	if resource != "*" {
		result.ResourceSpecificResults = append(result.ResourceSpecificResults, one)
	}
}

// details tells, of a request that crosses accounts, what each side's policies said.
func (sim *simulation) details(s *iampolicy.Simulation) map[string]types.PolicyEvaluationDecisionType {
	details := map[string]types.PolicyEvaluationDecisionType{}
	for gate, name := range map[iampolicy.Gate]string{
		iampolicy.GateIdentity: "IAM Policy", iampolicy.GateResource: "Resource Policy", iampolicy.GateBoundary: "Permissions Boundary Policy",
	} {
		if reason, asked := s.GateReason(gate); asked && (gate != iampolicy.GateBoundary || sim.bounded) {
			details[name] = types.PolicyEvaluationDecisionType(reason)
		}
	}
	return details
}

// statements are those that decided, service control policies' apart, which the account need not see.
func (sim *simulation) statements(s *iampolicy.Simulation) []types.Statement {
	list := []types.Statement{}
	for _, m := range s.Deciding() {
		named, known := sim.sources[m.Source]
		if !known {
			continue
		}
		named.StartPosition = &types.Position{Line: int32(m.Start.Line), Column: int32(m.Start.Column)}
		named.EndPosition = &types.Position{Line: int32(m.End.Line), Column: int32(m.End.Column)}
		list = append(list, named)
	}
	return list
}

func sameStatement(a, b types.Statement) bool {
	return *a.SourcePolicyId == *b.SourcePolicyId && a.SourcePolicyType == b.SourcePolicyType && *a.StartPosition == *b.StartPosition
}
