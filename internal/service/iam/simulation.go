package iam

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/arn"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// simulation is what both Simulate operations ask, whatever the policies come from.
type simulation struct {
	request   iampolicy.Request // without action and resource
	policies  iampolicy.Policies
	sources   map[string]types.Statement // what answers call the policies, by their sources' names
	actions   []string
	resources []string
	bounded   bool // a permissions boundary takes part
}

// simulationInput is what the inputs of both operations share.
type simulationInput struct {
	actions, resources, inline, boundary []string
	context                              []types.ContextEntry
	caller, owner, resourcePolicy        *string
}

// SimulateCustomPolicy tells what policies would decide that need not exist.
func (s *Service) SimulateCustomPolicy(ctx context.Context, c *api.Caller, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	sim, err := s.newSimulation(ctx, c, simulationInput{
		actions: in.ActionNames, resources: in.ResourceArns, inline: in.PolicyInputList, boundary: in.PermissionsBoundaryPolicyInputList,
		context: in.ContextEntries, caller: in.CallerArn, owner: in.ResourceOwner, resourcePolicy: in.ResourcePolicy,
	})
	if err != nil {
		return nil, err
	}
	for i, level := range in.OrderedOrganizationPolicyInputList {
		var sources []iampolicy.Source
		for j, document := range level.ServiceControlPolicyInputList {
			p, err := checkSimulated(document, iampolicy.SCP)
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("OrderedOrganizationPolicyInputList.%d.ServiceControlPolicyInputList.%d", i+1, j+1)
			sources = append(sources, iampolicy.Source{Name: name, Kind: iampolicy.SCP, Policy: p})
		}
		sim.policies.SCPs = append(sim.policies.SCPs, sources)
	}
	results, next, err := s.simulate(c, in, sim)
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: results, Marker: next, IsTruncated: next != nil}, nil
}

// SimulatePrincipalPolicy tells what the policies of a user, group or role would decide, with further ones that need not
// exist.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, c *api.Caller, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	if len(in.PolicyExclusionList) > 0 {
		return nil, api.NotImplemented("PolicyExclusionList of SimulatePrincipalPolicy")
	}
	shared := simulationInput{
		actions: in.ActionNames, resources: in.ResourceArns, inline: in.PolicyInputList, boundary: in.PermissionsBoundaryPolicyInputList,
		context: in.ContextEntries, caller: in.CallerArn, owner: in.ResourceOwner, resourcePolicy: in.ResourcePolicy,
	}
	subject, err := s.subject(ctx, c, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	if shared.caller == nil && subject.kind == state.KindUser {
		shared.caller = in.PolicySourceArn
	}
	sim, err := s.newSimulation(ctx, c, shared)
	if err != nil {
		return nil, err
	}
	if shared.caller == nil && subject.kind == state.KindRole {
		sim.request.Principal.RoleARN = *in.PolicySourceArn
	}
	for _, source := range subject.policies.identity {
		sim.policies.Identity = append(sim.policies.Identity, source)
		sim.sources[source.Name] = named(source.Name, c.AccountID)
	}
	for key, values := range subject.policies.tags {
		if _, given := sim.request.Context[key]; !given {
			sim.request.Context[key] = values
		}
	}
	if sim.policies.Boundary == nil && subject.policies.boundary != nil {
		sim.policies.Boundary, sim.bounded = subject.policies.boundary, true
		sim.sources[subject.policies.boundary.Name] = named(subject.policies.boundary.Name, c.AccountID)
	}
	place, err := s.authorizer.cache.current().place(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	sim.policies.SCPs = place.scps
	results, next, err := s.simulate(c, in, sim)
	if err != nil {
		return nil, err
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: results, Marker: next, IsTruncated: next != nil}, nil
}

// newSimulation reads what both operations share.
func (s *Service) newSimulation(ctx context.Context, c *api.Caller, in simulationInput) (*simulation, error) {
	sim := &simulation{
		actions: in.actions, resources: in.resources, sources: map[string]types.Statement{},
		request: iampolicy.Request{
			Principal:         iampolicy.Principal{ARN: "arn:aws:iam::" + c.AccountID + ":user/simulated", AccountID: c.AccountID},
			ResourceAccountID: c.AccountID, Context: map[string][]string{},
		},
	}
	if len(sim.resources) == 0 {
		sim.resources = []string{"*"}
	}
	for _, action := range in.actions {
		service, name, found := strings.Cut(action, ":")
		if !found || service == "" || name == "" || strings.ContainsAny(action, "*?") {
			return nil, invalidInput("Invalid Action name %s", action)
		}
	}
	if in.caller != nil {
		principal, err := s.simulatedCaller(ctx, c, *in.caller)
		if err != nil {
			return nil, err
		}
		sim.request.Principal, sim.request.ResourceAccountID = principal, principal.AccountID
	}
	if in.owner != nil {
		owner, err := arn.Parse(*in.owner)
		if err != nil {
			return nil, invalidInput("Invalid Resource Owner: %s", *in.owner)
		}
		sim.request.ResourceAccountID = owner.AccountID
	}
	for _, entry := range in.context {
		sim.request.Context[strings.ToLower(aws.ToString(entry.ContextKeyName))] = entry.ContextKeyValues
	}
	for i, document := range in.inline {
		p, err := checkSimulated(document, iampolicy.Identity)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("PolicyInputList.%d", i+1)
		sim.policies.Identity = append(sim.policies.Identity, iampolicy.Source{Name: name, Kind: iampolicy.Identity, Policy: p})
		sim.sources[name] = types.Statement{SourcePolicyId: aws.String(name), SourcePolicyType: types.PolicySourceTypeNone}
	}
	if len(in.boundary) > 1 {
		return nil, invalidInput("Only one permissions boundary policy can be specified.")
	}
	for i, document := range in.boundary {
		p, err := checkSimulated(document, iampolicy.Identity)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("PermissionsBoundaryPolicyInputList.%d", i+1)
		sim.policies.Boundary, sim.bounded = &iampolicy.Source{Name: name, Kind: iampolicy.Identity, Policy: p}, true
		sim.sources[name] = types.Statement{SourcePolicyId: aws.String(name), SourcePolicyType: types.PolicySourceTypeNone}
	}
	if in.resourcePolicy == nil {
		return sim, nil
	}
	if in.caller == nil {
		return nil, invalidInput("CallerArn is required when a resource policy is given.")
	}
	p, err := checkSimulated(*in.resourcePolicy, iampolicy.Resource)
	if err != nil {
		return nil, err
	}
	sim.policies.Resource = []iampolicy.Source{{Name: "ResourcePolicy", Kind: iampolicy.Resource, Policy: p}}
	sim.sources["ResourcePolicy"] = types.Statement{SourcePolicyId: aws.String("ResourcePolicy"), SourcePolicyType: types.PolicySourceTypeResource}
	return sim, nil
}

func checkSimulated(document string, kind iampolicy.Kind) (*iampolicy.Policy, error) {
	p, err := iampolicy.Parse([]byte(document))
	if err == nil && kind != iampolicy.Resource { // what a resource's policy may say depends on the resource
		err = iampolicy.Validate(p, kind)
	}
	if err != nil {
		return nil, invalidInput("Invalid policy: %s", iampolicy.MalformedMessage(err))
	}
	return p, nil
}

// simulatedCaller is the user that CallerArn names, there or not.
func (s *Service) simulatedCaller(ctx context.Context, c *api.Caller, name string) (iampolicy.Principal, error) {
	parsed, err := arn.Parse(name)
	if err != nil || parsed.Service != "iam" && parsed.Service != "sts" {
		return iampolicy.Principal{}, invalidInput("Invalid Caller ARN: %s", name)
	}
	principal := iampolicy.Principal{ARN: name, AccountID: parsed.AccountID}
	kind, path := parsed.Split()
	switch {
	case parsed.Resource == "root":
		principal.IsRoot = true
	case parsed.Service == "iam" && kind == "role":
		principal.RoleARN = name
		if parsed.AccountID == c.AccountID {
			principal.ServiceLinked, err = s.isLinked(ctx, c.AccountID, name)
		}
	case parsed.Service == "sts" && kind == "assumed-role":
		role, _, _ := strings.Cut(path, "/")
		principal.RoleARN = "arn:aws:iam::" + parsed.AccountID + ":role/" + role
	case parsed.Service == "iam" && kind == "user" && parsed.AccountID == c.AccountID: // others' ids are not the caller's to know
		err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			user, err := tx.User(ctx, parsed.AccountID, lastSegment(name))
			if err == nil && user.ARN() == name {
				principal.UserID = user.ID
			}
			return nil
		})
	default:
		return principal, invalidInput("Invalid Caller ARN: %s", name)
	}
	return principal, err
}

// isLinked reports whether an ARN is that of a service's own role in an account.
func (s *Service) isLinked(ctx context.Context, accountID, roleARN string) (is bool, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		role, err := tx.Role(ctx, accountID, lastSegment(roleARN))
		is = err == nil && role.ARN() == roleARN && role.ServiceLinked()
		if errors.Is(err, state.ErrNotFound) {
			return nil
		}
		return err
	})
	return is, err
}
