package sts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"strongroom/arn"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// maxSessionPolicy is the size that a session policy in plain text may have; AWS's further limit, on the packed size of
// policies and tags together, is not known.
const (
	maxSessionPolicy     = 2048
	maxSessionPolicyARNs = 10
	maxSessionTags       = 50
	maxExternalID        = 1224
)

var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// assumeRoleAccess asks the role's trust policy, and the caller's own policies where they count, first for the role and
// then for what the session is to carry. A role that is not there refuses like one that does not trust the caller.
func (s *Service) assumeRoleAccess(ctx context.Context, c *api.Caller, in *sts.AssumeRoleInput) ([]api.Access, error) {
	if err := validate(in); err != nil {
		return nil, err
	}
	role, err := s.role(ctx, *in.RoleArn)
	if errors.Is(err, state.ErrNotFound) {
		return nil, api.Errorf("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
			callerName(c), *in.RoleArn).WithStatus(http.StatusForbidden)
	}
	if err != nil {
		return nil, err
	}
	access := api.Access{
		Action: "sts:AssumeRole", Resource: role.ARN(), ResourceAccountID: role.AccountID, Context: assumeRoleKeys(c, in, role),
		ResourcePolicies: []api.PolicyDocument{{Name: "trust policy of " + role.ARN(), Document: role.Trust}},
	}
	accesses := []api.Access{access}
	if len(in.Tags) > 0 || len(transitiveTags(c)) > 0 {
		access.Action = "sts:TagSession"
		accesses = append(accesses, access)
	}
	if sourceIdentity(c, in) != "" {
		access.Action = "sts:SetSourceIdentity"
		accesses = append(accesses, access)
	}
	return accesses, nil
}

func callerName(c *api.Caller) string {
	if c.Service != "" {
		return c.Service
	}
	return c.ARN
}

// AssumeRole lends the rights of a role.
func (s *Service) AssumeRole(ctx context.Context, c *api.Caller, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	role, err := s.role(ctx, *in.RoleArn)
	if err != nil {
		return nil, fmt.Errorf("assuming %s: %w", *in.RoleArn, err) // it was there when the call was authorized
	}
	duration, err := sessionDuration(in.DurationSeconds, defaultRoleSession, longestRoleSession)
	if err != nil {
		return nil, err
	}
	switch {
	case duration > time.Duration(role.MaxSession)*time.Second:
		return nil, api.Errorf("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case duration > longestChainSession && c.RoleARN != "":
		return nil, api.Errorf("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if in.SourceIdentity != nil && c.Session != nil && c.Session.SourceIdentity != "" && *in.SourceIdentity != c.Session.SourceIdentity {
		return nil, api.Errorf("AccessDenied", "SourceIdentity cannot be changed when chaining roles").WithStatus(http.StatusForbidden)
	}
	now := s.Wall.Now().Truncate(time.Second)
	session := api.Session{
		Name: *in.RoleSessionName, IssuedAt: now, ExpiresAt: now.Add(duration), ExternalID: aws.ToString(in.ExternalId),
		SourceIdentity: sourceIdentity(c, in), Tags: map[string]string{},
	}
	if in.Policy != nil {
		session.Policies = []string{*in.Policy}
	}
	for _, p := range in.PolicyArns {
		session.PolicyARNs = append(session.PolicyARNs, aws.ToString(p.Arn))
	}
	if c.Session != nil {
		for _, key := range c.Session.TransitiveTags {
			session.Tags[key] = c.Session.Tags[key]
			session.TransitiveTags = append(session.TransitiveTags, key)
		}
	}
	for _, tag := range in.Tags {
		session.Tags[*tag.Key] = aws.ToString(tag.Value)
	}
	session.TransitiveTags = append(session.TransitiveTags, in.TransitiveTagKeys...)
	credentials, t, err := s.issue(ctx, token{
		AccountID: role.AccountID, RoleARN: role.ARN(), UserID: role.ID + ":" + session.Name,
		ARN:     arn.New("sts", "", role.AccountID, "assumed-role/"+role.Name+"/"+session.Name).String(),
		Session: session,
	})
	if err != nil {
		return nil, err
	}
	s.noteUse(ctx, role, c.Region)
	out := &sts.AssumeRoleOutput{
		Credentials: credentials, AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(t.ARN), AssumedRoleId: aws.String(t.UserID)},
	}
	if session.SourceIdentity != "" {
		out.SourceIdentity = aws.String(session.SourceIdentity)
	}
	return out, nil
}

// AssumeForService begins a session of a role for a service of the house, as its trust policy allows. A role that is not
// there, or does not trust the service, is refused with AWS Backup's text.
func (s *Service) AssumeForService(ctx context.Context, roleARN, servicePrincipal, sessionName string) (*api.Caller, error) {
	refused := func(err error) error {
		return &api.Error{
			Code: "AccessDeniedException", Message: fmt.Sprintf("IAM Role %s cannot be assumed by %s", roleARN, serviceName(servicePrincipal)),
			Status: http.StatusForbidden, Err: err,
		}
	}
	name, err := arn.Parse(roleARN)
	if err != nil {
		return nil, refused(err)
	}
	caller := api.ServiceCaller(servicePrincipal, name.AccountID, "us-east-1")
	caller.SourceIP, caller.UserAgent, caller.Date, caller.ReceivedAt = servicePrincipal, servicePrincipal, s.Clock.Now(), s.Wall.Now()
	out, err := api.Call[sts.AssumeRoleOutput](ctx, s.Door, caller, &sts.AssumeRoleInput{
		RoleArn: aws.String(roleARN), RoleSessionName: aws.String(sessionName),
	})
	if code := api.Code(err); code == "AccessDenied" || code == "ValidationError" {
		return nil, refused(err)
	}
	if err != nil {
		return nil, err
	}
	t, err := s.openToken(ctx, *out.Credentials.SessionToken)
	if err != nil {
		return nil, err
	}
	assumed := t.caller()
	assumed.InvokedBy, assumed.SourceIP, assumed.UserAgent = servicePrincipal, servicePrincipal, servicePrincipal
	assumed.Region, assumed.Secure, assumed.Date, assumed.ReceivedAt = caller.Region, true, caller.Date, caller.ReceivedAt
	return assumed, nil
}

// serviceName is how messages call a service.
func serviceName(principal string) string {
	if principal == "backup.amazonaws.com" {
		return "AWS Backup"
	}
	return principal
}

// role finds the role by its whole ARN.
func (s *Service) role(ctx context.Context, roleARN string) (role state.Role, err error) {
	name, err := arn.Parse(roleARN)
	if err != nil {
		return role, state.ErrNotFound
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		role, err = tx.Role(ctx, name.AccountID, name.Resource[strings.LastIndexByte(name.Resource, '/')+1:])
		return err
	})
	if err == nil && role.ARN() != roleARN {
		err = state.ErrNotFound
	}
	return role, err
}

// noteUse dates the role's last use, at most once a minute. The session does not depend on it, so it does not fail by it.
func (s *Service) noteUse(ctx context.Context, role state.Role, region string) {
	now := state.MicrosOf(s.Clock.Now())
	if now-role.LastUsedAt < state.Micros(time.Minute/time.Microsecond) && now >= role.LastUsedAt {
		return
	}
	err := s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		return tx.SetRoleLastUsed(ctx, role.AccountID, role.Name, region, now)
	})
	if err != nil {
		s.Log.WarnContext(ctx, "noting the last use of a role", slog.String("role", role.ARN()), slog.Any("error", err))
	}
}

// validate refuses inputs that AWS would refuse before it asks any policy.
func validate(in *sts.AssumeRoleInput) error {
	var wrong []string
	check := func(field string, value *string, pattern *regexp.Regexp, required bool) {
		switch {
		case value == nil && required:
			wrong = append(wrong, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", field))
		case value != nil && !pattern.MatchString(*value):
			wrong = append(wrong, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s",
				*value, field, strings.Trim(pattern.String(), "^$")))
		}
	}
	check("roleArn", in.RoleArn, rolePattern, true)
	check("roleSessionName", in.RoleSessionName, sessionName, true)
	check("externalId", in.ExternalId, externalID, false)
	if len(aws.ToString(in.ExternalId)) > maxExternalID {
		wrong = append(wrong, fmt.Sprintf("Value at 'externalId' failed to satisfy constraint: Member must have length less than or equal to %d", maxExternalID))
	}
	check("sourceIdentity", in.SourceIdentity, sessionName, false)
	if len(in.PolicyArns) > maxSessionPolicyARNs {
		wrong = append(wrong, fmt.Sprintf("Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionPolicyARNs))
	}
	if len(in.Tags) > maxSessionTags {
		wrong = append(wrong, fmt.Sprintf("Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionTags))
	}
	for i, tag := range in.Tags {
		if aws.ToString(tag.Key) == "" {
			wrong = append(wrong, fmt.Sprintf("Value at 'tags.%d.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1", i+1))
		}
	}
	if len(wrong) > 0 {
		noun := "error"
		if len(wrong) > 1 {
			noun = "errors"
		}
		return api.Errorf("ValidationError", "%d validation %s detected: %s", len(wrong), noun, strings.Join(wrong, "; "))
	}
	for _, key := range in.TransitiveTagKeys {
		if !slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return *t.Key == key }) {
			return api.Errorf("ValidationError", "The transitive tag key %s is not among the session tags.", key)
		}
	}
	return validatePolicy(in.Policy)
}

var rolePattern = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[!-~]+$`)

func validatePolicy(document *string) error {
	if document == nil {
		return nil
	}
	if len(*document) > maxSessionPolicy {
		return api.Errorf("PackedPolicyTooLarge", "The session policy is %d characters long; %d are allowed.", len(*document), maxSessionPolicy)
	}
	p, err := iampolicy.Parse([]byte(*document))
	if err == nil {
		err = iampolicy.Validate(p, iampolicy.Identity)
	}
	if err != nil {
		return api.Errorf("MalformedPolicyDocument", "%s", iampolicy.MalformedMessage(err))
	}
	return nil
}

// assumeRoleKeys are the condition keys of AssumeRole:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
func assumeRoleKeys(c *api.Caller, in *sts.AssumeRoleInput, role state.Role) map[string][]string {
	keys := map[string][]string{"sts:RoleSessionName": {*in.RoleSessionName}}
	if in.ExternalId != nil {
		keys["sts:ExternalId"] = []string{*in.ExternalId}
	}
	if identity := sourceIdentity(c, in); identity != "" {
		keys["sts:SourceIdentity"] = []string{identity}
	}
	tags := transitiveTags(c)
	for _, tag := range in.Tags {
		tags[*tag.Key] = aws.ToString(tag.Value)
	}
	keys = api.WithRequestTags(keys, tags)
	if len(in.TransitiveTagKeys) > 0 {
		keys["sts:TransitiveTagKeys"] = in.TransitiveTagKeys
	}
	return api.WithResourceTags(keys, role.Tags, "iam")
}

// transitiveTags are those that the caller's session hands on.
func transitiveTags(c *api.Caller) map[string]string {
	tags := map[string]string{}
	if c.Session != nil {
		for _, key := range c.Session.TransitiveTags {
			tags[key] = c.Session.Tags[key]
		}
	}
	return tags
}

// sourceIdentity is the one asked for, or the one that the caller's session hands on.
func sourceIdentity(c *api.Caller, in *sts.AssumeRoleInput) string {
	if in.SourceIdentity != nil {
		return *in.SourceIdentity
	}
	if c.Session != nil {
		return c.Session.SourceIdentity
	}
	return ""
}
