package iam

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// serviceNames are the services that reports tell of, by the prefix of their actions.
var serviceNames = map[string]string{
	"backup": "AWS Backup", "cloudtrail": "AWS CloudTrail", "ebs": "Amazon Elastic Block Store", "ec2": "Amazon EC2", "events": "Amazon EventBridge",
	"iam": "AWS Identity and Access Management", "kms": "AWS Key Management Service", "lambda": "AWS Lambda",
	"organizations": "AWS Organizations", "rds": "Amazon RDS", "s3": "Amazon S3", "sns": "Amazon SNS", "sqs": "Amazon SQS",
	"sts": "AWS Security Token Service", "tag": "Amazon Resource Group Tagging API",
}

// accessReport is what a service last accessed job found, as it is kept.
type accessReport struct {
	Services []accessedService `json:"services"`
}

// accessedService is a service that the job's subject may call, with the uses of it.
type accessedService struct {
	Namespace string        `json:"namespace"`
	Uses      []accessedUse `json:"uses"` // latest first; of entities that never used it, one without an action
}

type accessedUse struct {
	Entity entity       `json:"entity"`
	Action string       `json:"action,omitempty"`
	Region string       `json:"region,omitempty"`
	At     state.Micros `json:"at,omitempty"`
}

// entity is a user or role whose rights the job looked at.
type entity struct {
	Kind state.PrincipalKind `json:"kind"`
	ARN  string              `json:"arn"`
	ID   string              `json:"id"`
	Name string              `json:"name"`
	Path string              `json:"path"`
}

// GenerateServiceLastAccessedDetails looks up which services a user, group, role or policy gives access to, and who used
// it when. The job is done at once.
func (s *Service) GenerateServiceLastAccessedDetails(ctx context.Context, c *api.Caller, in *iam.GenerateServiceLastAccessedDetailsInput) (*iam.GenerateServiceLastAccessedDetailsOutput, error) {
	policies, entities, err := s.accessible(ctx, c, *in.Arn)
	if err != nil {
		return nil, err
	}
	report := state.IAMReport{
		ID: uuid.NewString(), AccountID: c.AccountID, Subject: *in.Arn,
		Kind: string(cmp.Or(in.Granularity, types.AccessAdvisorUsageGranularityTypeServiceLevel)),
	}
	if err := s.authorizer.Settle(ctx); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		var found accessReport
		uses := map[string][]state.PrincipalUse{}
		for _, e := range entities {
			if uses[e.ID], err = tx.PrincipalUses(ctx, c.AccountID, e.ID); err != nil {
				return err
			}
		}
		for _, namespace := range slices.Sorted(maps.Keys(serviceNames)) {
			if slices.ContainsFunc(policies, func(p iampolicy.Source) bool { return grants(p.Policy, namespace) }) {
				found.Services = append(found.Services, accessedBy(namespace, entities, uses))
			}
		}
		content, err := json.Marshal(found)
		if err != nil {
			return err
		}
		report.CreatedAt, report.Content = tx.Now, string(content)
		return tx.InsertIAMReport(ctx, report)
	})
	if err != nil {
		return nil, err
	}
	return &iam.GenerateServiceLastAccessedDetailsOutput{JobId: aws.String(report.ID)}, nil
}

func accessedBy(namespace string, entities []entity, uses map[string][]state.PrincipalUse) accessedService {
	service := accessedService{Namespace: namespace}
	for _, e := range entities {
		used := false
		for _, u := range uses[e.ID] {
			if u.Service == namespace {
				used = true
				service.Uses = append(service.Uses, accessedUse{Entity: e, Action: u.Action, Region: u.Region, At: u.UsedAt})
			}
		}
		if !used {
			service.Uses = append(service.Uses, accessedUse{Entity: e})
		}
	}
	slices.SortStableFunc(service.Uses, func(a, b accessedUse) int { return cmp.Compare(b.At, a.At) })
	return service
}

// accessible are the policies of what the ARN names, and the users and roles that have its rights.
func (s *Service) accessible(ctx context.Context, c *api.Caller, name string) (policies []iampolicy.Source, entities []entity, err error) {
	if !strings.Contains(name, ":policy/") {
		found, err := s.subject(ctx, c, name)
		if err != nil {
			return nil, nil, err
		}
		err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
			entities, err = s.entities(ctx, tx, c.AccountID, state.PolicyHolder{Kind: found.kind, Name: found.name})
			return err
		})
		return found.policies.identity, entities, err
	}
	known := s.authorizer.cache.current()
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if _, err := findPolicy(ctx, tx, c, &name); err != nil {
			return err
		}
		source, err := known.managed(ctx, tx, c.AccountID, name)
		if err != nil {
			return err
		}
		policies = []iampolicy.Source{source}
		holders, err := tx.PolicyHolders(ctx, c.AccountID, name)
		for _, h := range holders {
			more, err := s.entities(ctx, tx, c.AccountID, h)
			if err != nil {
				return err
			}
			for _, e := range more {
				if !slices.Contains(entities, e) {
					entities = append(entities, e)
				}
			}
		}
		return err
	})
	return policies, entities, err
}

// entities are the user or role itself, or the members of a group.
func (s *Service) entities(ctx context.Context, tx *state.Tx, accountID string, h state.PolicyHolder) (list []entity, err error) {
	users := []state.User{}
	switch h.Kind {
	case state.KindRole:
		role, err := tx.Role(ctx, accountID, h.Name)
		return []entity{{state.KindRole, role.ARN(), role.ID, role.Name, role.Path}}, err
	case state.KindUser:
		user, err := tx.User(ctx, accountID, h.Name)
		if err != nil {
			return nil, err
		}
		users = append(users, user)
	case state.KindGroup:
		if users, err = tx.UsersOfGroup(ctx, accountID, h.Name); err != nil {
			return nil, err
		}
	}
	for _, u := range users {
		list = append(list, entity{state.KindUser, u.ARN(), u.ID, u.Name, u.Path})
	}
	return list, nil
}

// grants reports whether a policy allows any action of a service.
func grants(p *iampolicy.Policy, namespace string) bool {
	covers := func(pattern string) bool {
		service, _, found := strings.Cut(pattern, ":")
		return pattern == "*" || found && strings.EqualFold(service, namespace)
	}
	for i := range p.Statements {
		statement := &p.Statements[i]
		if statement.Effect != iampolicy.Allow {
			continue
		}
		if slices.ContainsFunc(statement.Actions, covers) {
			return true
		}
		whole := func(pattern string) bool { return pattern == "*" || strings.EqualFold(pattern, namespace+":*") }
		if len(statement.NotActions) > 0 && !slices.ContainsFunc(statement.NotActions, whole) {
			return true
		}
	}
	return false
}

func (s *Service) accessReport(ctx context.Context, c *api.Caller, id string) (report state.IAMReport, found accessReport, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		report, err = tx.IAMReport(ctx, c.AccountID, id)
		if errors.Is(err, state.ErrNotFound) || err == nil && report.Kind == credentialReport {
			return noSuchEntity("The job with id %s cannot be found.", id)
		}
		return err
	})
	if err != nil {
		return report, found, err
	}
	if err := json.Unmarshal([]byte(report.Content), &found); err != nil {
		return report, found, fmt.Errorf("reading the report %s: %w", id, err)
	}
	return report, found, nil
}

// GetServiceLastAccessedDetails shows what a job found, service by service.
func (s *Service) GetServiceLastAccessedDetails(ctx context.Context, c *api.Caller, in *iam.GetServiceLastAccessedDetailsInput) (*iam.GetServiceLastAccessedDetailsOutput, error) {
	p, err := s.page(c, in, *in.JobId)
	if err != nil {
		return nil, err
	}
	report, found, err := s.accessReport(ctx, c, *in.JobId)
	if err != nil {
		return nil, err
	}
	services, next := cut(p, found.Services, func(a accessedService) string { return a.Namespace })
	out := &iam.GetServiceLastAccessedDetailsOutput{
		JobStatus: types.JobStatusTypeCompleted, JobType: types.AccessAdvisorUsageGranularityType(report.Kind),
		JobCreationDate: seconds(report.CreatedAt), JobCompletionDate: seconds(report.CreatedAt),
		ServicesLastAccessed: []types.ServiceLastAccessed{}, Marker: next, IsTruncated: next != nil,
	}
	for _, service := range services {
		out.ServicesLastAccessed = append(out.ServicesLastAccessed, service.shape(report.Kind))
	}
	return out, nil
}

func (a *accessedService) shape(kind string) types.ServiceLastAccessed {
	shape := types.ServiceLastAccessed{
		ServiceName: aws.String(serviceNames[a.Namespace]), ServiceNamespace: aws.String(a.Namespace), TotalAuthenticatedEntities: aws.Int32(0),
	}
	var used, actions []string
	for _, use := range a.Uses {
		if use.At == 0 {
			continue
		}
		if shape.LastAuthenticated == nil {
			shape.LastAuthenticated, shape.LastAuthenticatedEntity = seconds(use.At), aws.String(use.Entity.ARN)
			shape.LastAuthenticatedRegion = aws.String(use.Region)
		}
		if !slices.Contains(used, use.Entity.ARN) {
			used = append(used, use.Entity.ARN)
		}
		if kind == string(types.AccessAdvisorUsageGranularityTypeActionLevel) && !slices.Contains(actions, use.Action) {
			actions = append(actions, use.Action)
			shape.TrackedActionsLastAccessed = append(shape.TrackedActionsLastAccessed, types.TrackedActionLastAccessed{
				ActionName: aws.String(use.Action), LastAccessedEntity: aws.String(use.Entity.ARN),
				LastAccessedRegion: aws.String(use.Region), LastAccessedTime: seconds(use.At),
			})
		}
	}
	shape.TotalAuthenticatedEntities = aws.Int32(int32(len(used)))
	return shape
}

// GetServiceLastAccessedDetailsWithEntities shows who may use one service of a job's, and when each last did.
func (s *Service) GetServiceLastAccessedDetailsWithEntities(ctx context.Context, c *api.Caller, in *iam.GetServiceLastAccessedDetailsWithEntitiesInput) (*iam.GetServiceLastAccessedDetailsWithEntitiesOutput, error) {
	p, err := s.page(c, in, *in.JobId, *in.ServiceNamespace)
	if err != nil {
		return nil, err
	}
	report, found, err := s.accessReport(ctx, c, *in.JobId)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(found.Services, func(a accessedService) bool { return a.Namespace == *in.ServiceNamespace })
	if i < 0 {
		return nil, noSuchEntity("The service namespace %s is not among those of the job.", *in.ServiceNamespace)
	}
	type placed struct {
		place   string
		details types.EntityDetails
	}
	var all []placed
	seen := map[string]bool{}
	for _, use := range found.Services[i].Uses {
		if seen[use.Entity.ARN] {
			continue
		}
		seen[use.Entity.ARN] = true
		e := use.Entity
		all = append(all, placed{fmt.Sprintf("%06d", len(all)), types.EntityDetails{
			LastAuthenticated: seconds(use.At),
			EntityInfo: &types.EntityInfo{
				Arn: aws.String(e.ARN), Id: aws.String(e.ID), Name: aws.String(e.Name), Path: aws.String(e.Path),
				Type: types.PolicyOwnerEntityType(strings.ToUpper(string(e.Kind))),
			},
		}})
	}
	wanted, next := cut(p, all, func(p placed) string { return p.place })
	out := &iam.GetServiceLastAccessedDetailsWithEntitiesOutput{
		JobStatus: types.JobStatusTypeCompleted, JobCreationDate: seconds(report.CreatedAt), JobCompletionDate: seconds(report.CreatedAt),
		EntityDetailsList: []types.EntityDetails{}, Marker: next, IsTruncated: next != nil,
	}
	for _, w := range wanted {
		out.EntityDetailsList = append(out.EntityDetailsList, w.details)
	}
	return out, nil
}

// ListPoliciesGrantingServiceAccess lists, for each of some services, the policies by which a user, group or role may use
// it.
func (s *Service) ListPoliciesGrantingServiceAccess(ctx context.Context, c *api.Caller, in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	found, err := s.subject(ctx, c, *in.Arn)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesGrantingServiceAccessOutput{PoliciesGrantingServiceAccess: []types.ListPoliciesGrantingServiceAccessEntry{}}
	for _, namespace := range in.ServiceNamespaces {
		entry := types.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: aws.String(namespace), Policies: []types.PolicyGrantingServiceAccess{}}
		for _, source := range found.policies.identity {
			if grants(source.Policy, namespace) {
				entry.Policies = append(entry.Policies, grantingShape(source.Name, c.AccountID))
			}
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess, entry)
	}
	return out, nil
}

func grantingShape(source, accountID string) types.PolicyGrantingServiceAccess {
	policy := types.PolicyGrantingServiceAccess{PolicyName: named(source, accountID).SourcePolicyId, PolicyType: types.PolicyTypeManaged}
	text, inline := strings.CutPrefix(source, inlineSource)
	if !inline {
		policy.PolicyArn = aws.String(source)
		return policy
	}
	policy.PolicyType = types.PolicyTypeInline
	_, of, _ := strings.Cut(text, " of ")
	kind, name, _ := strings.Cut(of, " ")
	policy.EntityType, policy.EntityName = types.PolicyOwnerEntityType(strings.ToUpper(kind)), aws.String(name)
	return policy
}
