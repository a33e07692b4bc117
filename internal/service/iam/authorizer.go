package iam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"strongroom/arn"
	"strongroom/clock"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	pages "strongroom/internal/page"
	"strongroom/internal/state"
)

// Authorizer gathers the policies that apply to a call and has package iampolicy decide. It is asked before every
// operation, each object of a bucket included, so it keeps what it read until something changes; see [cache].
type Authorizer struct {
	cache *cache
	uses  *uses
	pages *pages.Sealer // seals the messages of refusals
	clock clock.Clock
	log   *slog.Logger
}

var _ api.Authorizer = (*Authorizer)(nil)

func newAuthorizer(c Config) *Authorizer {
	return &Authorizer{cache: newCache(c.DB), uses: &uses{db: c.DB, clock: c.Clock, log: c.Log}, pages: c.Pages, clock: c.Clock, log: c.Log}
}

// Authorize implements [api.Authorizer].
func (a *Authorizer) Authorize(ctx context.Context, c *api.Caller, accesses ...api.Access) error {
	for i := range accesses {
		q, err := a.question(ctx, c, &accesses[i])
		if err != nil {
			return err
		}
		if decision := q.decide(); !decision.Allowed {
			return a.refuse(ctx, c, q, decision)
		}
	}
	return nil
}

// refuse makes the error of a denied access. What explains it at length is worked out only where somebody asks for it.
func (a *Authorizer) refuse(ctx context.Context, c *api.Caller, q *question, decision iampolicy.Decision) error {
	explanation := decision.Explain()
	a.log.InfoContext(ctx, "access denied", slog.String("request_id", c.RequestID), slog.String("action", q.request.Action),
		slog.String("resource", q.request.Resource), slog.String("explanation", explanation))
	return &api.Error{
		Code: "AccessDenied", Message: decision.Message(q.request), Status: http.StatusForbidden,
		Err: &api.RefusalError{
			Explanation: explanation,
			Encode:      func() string { return encodeMessage(a.pages, c.AccountID, decision.AuthorizationMessage(q.request)) },
			Explain:     q.explain,
		},
	}
}

// Explain decides over one access and tells which statement decided.
func (a *Authorizer) Explain(ctx context.Context, c *api.Caller, access api.Access) (iampolicy.Explanation, error) {
	q, err := a.question(ctx, c, &access)
	if err != nil {
		return iampolicy.Explanation{}, err
	}
	return q.explain(), nil
}

// question is an access with all that decides over it.
type question struct {
	request  iampolicy.Request
	policies iampolicy.Policies
	gone     bool // the principal was deleted since its credential was issued: nothing speaks for it any more
	closed   bool // the principal's account is closed, or that of the resource
}

func (q *question) decide() iampolicy.Decision {
	if q.gone || q.closed {
		return iampolicy.Decision{Reason: iampolicy.ImplicitDeny, Gate: iampolicy.GateIdentity}
	}
	return iampolicy.Evaluate(q.request, q.policies)
}

func (q *question) explain() iampolicy.Explanation {
	if q.gone || q.closed {
		e := iampolicy.ExplainGone(q.request)
		if q.closed {
			e.Note = "The account of the principal or of the resource is closed, so no policy speaks for the call."
		}
		return e
	}
	return iampolicy.ExplainRequest(q.request, q.policies)
}

func (a *Authorizer) question(ctx context.Context, c *api.Caller, access *api.Access) (*question, error) {
	known := a.cache.current()
	p, err := known.principal(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("gathering the policies of %s: %w", c.ARN, err)
	}
	request := iampolicy.Request{
		Principal: iampolicy.Principal{
			ARN: c.ARN, RoleARN: c.RoleARN, UserARN: c.UserARN, AccountID: c.AccountID, UserID: c.UserID, IsRoot: c.IsRoot(), Service: c.Service,
			ServiceLinked: p.linked,
		},
		Action: access.Action, Resource: access.Resource, ResourceAccountID: access.ResourceAccountID,
	}
	if request.ResourceAccountID == "" {
		request.ResourceAccountID = c.AccountID
	}
	if p.gone {
		return &question{request: request, gone: true}, nil
	}
	home, err := known.place(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	owner, err := known.place(ctx, request.ResourceAccountID)
	if err != nil {
		return nil, err
	}
	if home.closed || owner.closed { // https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html
		return &question{request: request, closed: true}, nil
	}
	request.Context = a.context(c, p, access, home, owner)
	policies := iampolicy.Policies{Identity: p.identity, Boundary: p.boundary, KeyPolicy: access.KeyPolicy, SCPs: home.scps, SCPTargets: home.levels}
	if p.password != nil {
		policies.Identity = append(slices.Clip(policies.Identity), *p.password)
	}
	if boundByRCP(access) {
		policies.RCPs, policies.RCPTargets = owner.rcps, owner.levels
	}
	if err := known.session(ctx, c, &policies); err != nil {
		return nil, err
	}
	if err := a.resourcePolicies(access, &policies); err != nil {
		return nil, err
	}
	grantee := c.ARN // the grants are the caller's already, which their service saw to
	switch {
	case c.Service != "":
		grantee = c.Service
	case c.RoleARN != "":
		grantee = c.RoleARN
	}
	for _, id := range access.Grants {
		policies.Grants = append(policies.Grants, iampolicy.Grant{ID: id, Grantee: grantee})
	}
	return &question{request: request, policies: policies}, nil
}

// resourcePolicies adds the documents that the access brings. One that does not parse was not let in by its service, so
// it is an error and not a missing allow.
func (a *Authorizer) resourcePolicies(access *api.Access, policies *iampolicy.Policies) error {
	kind := iampolicy.Resource
	switch {
	case access.KeyPolicy:
		kind = iampolicy.KeyPolicy
	case strings.HasPrefix(access.Action, "sts:"):
		kind = iampolicy.Trust
	}
	for _, d := range access.ResourcePolicies {
		if policies.ResourceOf == "" {
			policies.ResourceOf = d.Of
		}
		if d.Document == "" {
			continue
		}
		parsed, err := a.cache.parse(d.Document)
		if err != nil {
			return fmt.Errorf("reading the %s: %w", d.Name, err)
		}
		policies.Resource = append(policies.Resource, iampolicy.Source{Name: d.Name, Kind: kind, Policy: parsed})
	}
	return nil
}

// principal is what is known of a caller whatever it asks for.
type principal struct {
	gone     bool // deleted since the credential was issued: no policy and no grant speaks for it any more
	linked   bool // a service's own role
	identity []iampolicy.Source
	boundary *iampolicy.Source
	// password is a user's allowance by the account's password policy to change the own password; nil for none. It is no
	// policy of the user, so nothing lists it as one.
	password *iampolicy.Source
	tags     map[string][]string // by condition key, aws:principaltag/k in lower case
}

// load reads the policies of a user or a role. One whose name another one has now is gone, too.
func (k *knowledge) load(ctx context.Context, tx *state.Tx, c *api.Caller) (*principal, error) {
	p := &principal{}
	holders := []state.PolicyHolder{}
	var boundary string
	var tags map[string]string
	if c.RoleARN != "" {
		role, err := tx.Role(ctx, c.AccountID, lastSegment(c.RoleARN))
		if errors.Is(err, state.ErrNotFound) || err == nil && role.ID != roleID(c.UserID) {
			return &principal{gone: true}, nil
		}
		if err != nil {
			return nil, err
		}
		p.linked, boundary, tags = role.ServiceLinked(), role.BoundaryARN, role.Tags
		holders = append(holders, state.PolicyHolder{Kind: state.KindRole, Name: role.Name})
	} else {
		name, id := identity(c)
		user, err := tx.User(ctx, c.AccountID, lastSegment(name))
		if errors.Is(err, state.ErrNotFound) || err == nil && user.ID != id {
			return &principal{gone: true}, nil
		}
		if err != nil {
			return nil, err
		}
		boundary, tags = user.BoundaryARN, user.Tags
		if policy, _, err := passwordPolicy(ctx, tx, c.AccountID); err != nil {
			return nil, err
		} else if policy.UsersMayChange {
			p.password = ownPassword()
		}
		holders = append(holders, state.PolicyHolder{Kind: state.KindUser, Name: user.Name})
		groups, err := tx.GroupsOfUser(ctx, c.AccountID, user.Name)
		if err != nil {
			return nil, err
		}
		for _, group := range groups {
			holders = append(holders, state.PolicyHolder{Kind: state.KindGroup, Name: group.Name})
		}
	}
	for _, h := range holders {
		if err := k.loadHolder(ctx, tx, c.AccountID, h, p); err != nil {
			return nil, err
		}
	}
	if boundary != "" {
		source, err := k.managed(ctx, tx, c.AccountID, boundary)
		if err != nil {
			return nil, err
		}
		p.boundary = &source
	}
	p.tags = make(map[string][]string, len(tags))
	for key, value := range tags {
		p.tags["aws:principaltag/"+strings.ToLower(key)] = []string{value}
	}
	return p, nil
}

func (k *knowledge) loadHolder(ctx context.Context, tx *state.Tx, accountID string, h state.PolicyHolder, p *principal) error {
	inline, err := tx.InlinePolicies(ctx, accountID, h.Kind, h.Name)
	if err != nil {
		return err
	}
	for _, policy := range inline {
		parsed, err := k.cache.parse(policy.Document)
		if err != nil {
			return fmt.Errorf("reading the inline policy %s of the %s %s: %w", policy.Name, h.Kind, h.Name, err)
		}
		name := fmt.Sprintf("inline policy %s of %s %s", policy.Name, h.Kind, h.Name)
		p.identity = append(p.identity, iampolicy.Source{
			Name: name, Kind: iampolicy.Identity, Policy: parsed, ID: policy.Name, Of: fmt.Sprintf("arn:aws:iam::%s:%s/%s", accountID, h.Kind, h.Name),
		})
	}
	attached, err := tx.AttachedPolicies(ctx, accountID, h.Kind, h.Name)
	if err != nil {
		return err
	}
	for _, arn := range attached {
		source, err := k.managed(ctx, tx, accountID, arn)
		if err != nil {
			return err
		}
		p.identity = append(p.identity, source)
	}
	return nil
}

func (k *knowledge) managed(ctx context.Context, tx *state.Tx, accountID, arn string) (iampolicy.Source, error) {
	policy, err := managedPolicy(ctx, tx, accountID, arn)
	if err != nil {
		return iampolicy.Source{}, err
	}
	parsed, err := k.cache.parse(policy.document)
	if err != nil {
		return iampolicy.Source{}, fmt.Errorf("reading the policy %s: %w", arn, err)
	}
	return iampolicy.Source{Name: arn, Kind: iampolicy.Identity, Policy: parsed, ID: arn}, nil
}

// session adds the policies that came with a temporary credential.
func (k *knowledge) session(ctx context.Context, c *api.Caller, policies *iampolicy.Policies) error {
	if c.Session == nil {
		return nil
	}
	policies.HasSession = len(c.Session.Policies)+len(c.Session.PolicyARNs) > 0 || c.UserARN != ""
	for _, document := range c.Session.Policies {
		parsed, err := k.cache.parse(document)
		if err != nil {
			return fmt.Errorf("reading the session policy of %s: %w", c.ARN, err)
		}
		policies.Session = append(policies.Session, iampolicy.Source{Name: "session policy", Kind: iampolicy.Identity, Policy: parsed})
	}
	for _, arn := range c.Session.PolicyARNs {
		source, err := k.sessionPolicy(ctx, c.AccountID, arn)
		if err != nil {
			return err
		}
		policies.Session = append(policies.Session, source)
	}
	if limits := limitsOf(c); limits != nil {
		policies.Session, policies.HasSession = append(policies.Session, *limits), true
	}
	return nil
}

func lastSegment(name string) string {
	parsed, err := arn.Parse(name)
	if err != nil {
		return ""
	}
	return parsed.Resource[strings.LastIndexByte(parsed.Resource, '/')+1:]
}
