package sts

import (
	"cmp"
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
	"strongroom/internal/service/iam"
	"strongroom/internal/state"
)

const (
	maxSessionPolicy     = 2048 // characters of a session policy in plain text
	maxSessionPolicyARNs = 10
)

// assumeRoleAccess asks the role's trust policy, and the caller's own policies where they count, first for the role and
// then for what the session is to carry. A role that is not there refuses like one that does not trust the caller.
func (s *Service) assumeRoleAccess(ctx context.Context, c *api.Caller, in *sts.AssumeRoleInput) ([]api.Access, error) {
	if err := validate(c, in); err != nil {
		return nil, err
	}
	role, err := s.role(ctx, *in.RoleArn)
	if errors.Is(err, state.ErrNotFound) {
		return nil, notAuthorized(c, *in.RoleArn)
	}
	if err != nil {
		return nil, err
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		if err := s.checkMFA(ctx, c, in.SerialNumber, in.TokenCode); err != nil {
			return nil, err
		}
	}
	return assumeRoleAccesses(c, in, role), nil
}

// assumeRoleAccesses are what an AssumeRole that brought the right MFA code, if it brought any, asks the role for.
func assumeRoleAccesses(c *api.Caller, in *sts.AssumeRoleInput, role state.Role) []api.Access {
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
	return accesses
}

// checkMFA refuses a code that is not what the caller's device shows. A right one counts once.
func (s *Service) checkMFA(ctx context.Context, c *api.Caller, serial, code *string) error {
	if serial == nil || code == nil {
		return accessDenied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	right, err := iam.CheckMFA(ctx, s.DB, s.Keeper, c, *serial, *code, s.Wall.Now())
	if err != nil {
		return err
	}
	if !right {
		return accessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.")
	}
	return nil
}

func accessDenied(format string, args ...any) error {
	return api.Errorf("AccessDenied", format, args...).WithStatus(http.StatusForbidden)
}

func notAuthorized(c *api.Caller, roleARN string) error {
	return accessDenied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", callerName(c), roleARN)
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
	if errors.Is(err, state.ErrNotFound) {
		return nil, notAuthorized(c, *in.RoleArn)
	}
	if err != nil {
		return nil, fmt.Errorf("assuming %s: %w", *in.RoleArn, err)
	}
	// The call was authorized on the role as it was then. Another may have its name by now, or it may trust others.
	if err := s.Door.Authorize(ctx, c, "sts", assumeRoleAccesses(c, in, role)...); err != nil {
		return nil, err
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
		return nil, accessDenied("SourceIdentity cannot be changed when chaining roles")
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
	packed, err := packedSize(session)
	if err != nil {
		return nil, err
	}
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
		PackedPolicySize: packed, //nolint:staticcheck // what all clients read so far
	}
	if session.SourceIdentity != "" {
		out.SourceIdentity = aws.String(session.SourceIdentity)
	}
	return out, nil
}

// AssumeForService begins a session of a role for a service of the house, as its trust policy allows. The service is told by
// the account and the resource that it acts for, which the policy knows as aws:SourceAccount and aws:SourceArn; the role may
// be another account's. One that is not there, or does not trust the service, is refused with AWS Backup's text.
func (s *Service) AssumeForService(ctx context.Context, service *api.Caller, roleARN, sessionName string) (*api.Caller, error) {
	servicePrincipal := service.Service
	refused := func(err error) error {
		return &api.Error{
			Code: "AccessDeniedException", Message: fmt.Sprintf("IAM Role %s cannot be assumed by %s", roleARN, serviceName(servicePrincipal)),
			Status: http.StatusForbidden, Err: err,
		}
	}
	if _, err := arn.Parse(roleARN); err != nil {
		return nil, refused(err)
	}
	caller := api.ServiceCaller(servicePrincipal, service.AccountID, "us-east-1")
	caller.SourceARN = service.SourceARN
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

// Session is what a session of a role would be, for questions about what it may do: no credentials are made, and the role's
// trust policy is not asked. [state.ErrNotFound] if there is no such role.
func (s *Service) Session(ctx context.Context, roleARN, sessionName string) (*api.Caller, error) {
	role, err := s.role(ctx, roleARN)
	if err != nil {
		return nil, err
	}
	now := s.Wall.Now()
	return &api.Caller{
		AccountID: role.AccountID, RoleARN: role.ARN(), UserID: role.ID + ":" + sessionName,
		ARN:     arn.New("sts", "", role.AccountID, "assumed-role/"+role.Name+"/"+sessionName).String(),
		Session: &api.Session{Name: sessionName, IssuedAt: now, ExpiresAt: now.Add(defaultRoleSession)},
		Secure:  true, Date: s.Clock.Now(), ReceivedAt: now,
	}, nil
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

// validate refuses inputs that AWS would refuse before it asks any policy: for calls inside the house, what package wire
// refuses too, and what shapes do not tell.
func validate(c *api.Caller, in *sts.AssumeRoleInput) error {
	for _, field := range []struct {
		name    string
		value   *string
		pattern *regexp.Regexp
	}{
		{"roleArn", cmp.Or(in.RoleArn, aws.String("")), rolePattern},
		{"roleSessionName", cmp.Or(in.RoleSessionName, aws.String("")), sessionName},
		{"externalId", in.ExternalId, externalID},
		{"sourceIdentity", in.SourceIdentity, sessionName},
	} {
		if field.value != nil && !field.pattern.MatchString(*field.value) {
			return api.Errorf("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
				"Member must satisfy regular expression pattern: %s", *field.value, field.name, strings.Trim(field.pattern.String(), "^$"))
		}
	}
	if err := validateTags(in.Tags); err != nil {
		return err
	}
	for _, key := range in.TransitiveTagKeys {
		if !slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return *t.Key == key }) {
			return api.Errorf("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
	}
	for inherited := range transitiveTags(c) {
		if slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return strings.EqualFold(*t.Key, inherited) }) {
			return api.Errorf("InvalidParameterValue",
				"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	return validatePolicies(in.Policy, in.PolicyArns)
}

var (
	rolePattern = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/[!-~]+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// validateTags refuses session tags whose keys differ in letter case alone, or belong to AWS.
func validateTags(tags []types.Tag) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		key := strings.ToLower(*tag.Key)
		switch {
		case seen[key]:
			return api.Errorf("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case strings.HasPrefix(key, "aws:"):
			return api.Errorf("InvalidParameterValue", "Tag keys that begin with aws: are reserved: %s", *tag.Key)
		}
		seen[key] = true
	}
	return nil
}

func validatePolicies(document *string, arns []types.PolicyDescriptorType) error {
	if len(arns) > maxSessionPolicyARNs {
		return api.Errorf("ValidationError",
			"1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionPolicyARNs)
	}
	for _, p := range arns {
		if !policyPattern.MatchString(aws.ToString(p.Arn)) {
			return api.Errorf("ValidationError", "Invalid policy ARN: %s", aws.ToString(p.Arn))
		}
	}
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

var policyPattern = regexp.MustCompile(`^arn:aws:iam::(aws|\d{12}):policy/[!-~]+$`)

// assumeRoleKeys are the condition keys of AssumeRole:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
func assumeRoleKeys(c *api.Caller, in *sts.AssumeRoleInput, role state.Role) map[string][]string {
	keys := map[string][]string{"sts:RoleSessionName": {*in.RoleSessionName}}
	if in.TokenCode != nil {
		keys["aws:MultiFactorAuthPresent"], keys["aws:MultiFactorAuthAge"] = []string{"true"}, []string{"0"}
	}
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
