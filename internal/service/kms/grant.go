package kms

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// maxGrants is the number of grants a key may have.
// https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
const maxGrants = 50_000

// grantOperations are the operations that a grant may allow, by the usage of its key. Grants on key pairs may have those
// of [pairGrantOperations], too, and all those of [commonGrantOperations].
// https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grant-operations
var grantOperations = map[types.KeyUsageType][]types.GrantOperation{
	types.KeyUsageTypeEncryptDecrypt: {
		types.GrantOperationDecrypt, types.GrantOperationEncrypt, types.GrantOperationReEncryptFrom, types.GrantOperationReEncryptTo,
	},
	types.KeyUsageTypeSignVerify:             {types.GrantOperationSign, types.GrantOperationVerify},
	types.KeyUsageTypeGenerateVerifyMac:      {types.GrantOperationGenerateMac, types.GrantOperationVerifyMac},
	types.KeyUsageTypeKeyAgreement:           {types.GrantOperationDeriveSharedSecret},
	types.KeyUsageTypeEncapsulateDecapsulate: {types.GrantOperationEncapsulate, types.GrantOperationDecapsulate},
}

var (
	dataKeyGrantOperations = []types.GrantOperation{
		types.GrantOperationGenerateDataKey, types.GrantOperationGenerateDataKeyWithoutPlaintext,
		types.GrantOperationGenerateDataKeyPair, types.GrantOperationGenerateDataKeyPairWithoutPlaintext,
	}
	pairGrantOperations   = []types.GrantOperation{types.GrantOperationGetPublicKey}
	commonGrantOperations = []types.GrantOperation{
		types.GrantOperationCreateGrant, types.GrantOperationRetireGrant, types.GrantOperationDescribeKey,
	}
)

// takesGrant says whether a grant on the key may have the operations and constraints of g.
func (k *liveKey) takesGrant(g state.Grant) error {
	allowed := slices.Concat(grantOperations[types.KeyUsageType(k.Usage)], commonGrantOperations)
	if k.spec.kind == symmetricKind {
		allowed = append(allowed, dataKeyGrantOperations...)
	}
	if k.spec.asymmetric() {
		allowed = append(allowed, pairGrantOperations...)
	}
	for _, operation := range g.Operations {
		if !slices.Contains(allowed, types.GrantOperation(operation)) {
			return api.Errorf("ValidationException", "Grant operation %s is not supported by %s, which is of key spec %s and key usage %s.",
				operation, k.arn, k.Spec, k.Usage)
		}
	}
	if k.spec.kind != symmetricKind && (len(g.ContextEquals) > 0 || len(g.ContextSubset) > 0) {
		return api.Errorf("ValidationException", "Encryption context constraints are not supported by %s, which is of key spec %s.", k.arn, k.Spec)
	}
	return nil
}

var (
	grantNamePattern = regexp.MustCompile(`^[a-zA-Z0-9:/_-]{1,256}$`)
	servicePattern   = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com$`)
)

// CreateGrant lets a principal use a key. With a Name it is idempotent: the same request returns the same grant.
func (s *Service) CreateGrant(ctx context.Context, c *api.Caller, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	t, err := s.find(ctx, c, "CreateGrant", in.KeyId, foreign)
	if err != nil {
		return nil, err
	}
	g, err := s.newGrant(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := t.usable(); err != nil {
		return nil, err
	}
	if err := t.takesGrant(g); err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	g.KeyID, g.Region, g.IssuingAccount = t.ID, t.Region, rootARN(c.AccountID)
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).usable(); err != nil {
			return err
		}
		if g.Name != "" {
			named, err := tx.GrantsNamed(ctx, t.Region, t.ID, g.Name)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(named, func(old state.Grant) bool { return sameGrant(old, g) }); i >= 0 {
				g = named[i]
				return nil
			}
		}
		if len(t.grants.all) >= maxGrants {
			return api.Errorf("LimitExceededException", "%s has %d grants, which is the most a key can have.", t.arn, maxGrants)
		}
		g.CreatedAt = tx.Now
		return tx.InsertGrant(ctx, g)
	})
	if err != nil {
		return nil, err
	}
	return &kms.CreateGrantOutput{GrantId: new(g.ID), GrantToken: new(g.Token)}, nil
}

func (s *Service) createGrantAccess(ctx context.Context, c *api.Caller, in *kms.CreateGrantInput) ([]api.Access, error) {
	if err := s.checkTokens(ctx, in.GrantTokens); err != nil {
		return nil, err
	}
	g, err := s.newGrant(ctx, in)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, c, "CreateGrant", in.KeyId, foreign)
	if err != nil {
		return nil, err
	}
	q := question{operation: "CreateGrant", encryptionContext: constrainedContext(g), more: map[string][]string{
		"kms:GrantIsForAWSResource": {strconv.FormatBool(c.InvokedBy != "")},
		"kms:GrantOperations":       g.Operations,
	}}
	for key, value := range map[string]*string{
		"kms:GranteePrincipal": in.GranteePrincipal, "kms:GranteeServicePrincipal": in.GranteeServicePrincipal,
		"kms:RetiringPrincipal": in.RetiringPrincipal, "kms:RetiringServicePrincipal": in.RetiringServicePrincipal,
	} {
		if value != nil {
			q.more[key] = []string{*value}
		}
	}
	if g.SourceARN != "" {
		q.more["kms:GrantConstraintSourceArn"] = []string{g.SourceARN}
	}
	constraintType(g, q.more)
	a := q.access(c, t)
	if parent, ok := t.grants.parent(c, g); ok {
		a.Grants = []string{parent.ID}
	}
	return []api.Access{a}, nil
}

// constrainedContext is the encryption context that a grant's constraints name.
func constrainedContext(g state.Grant) map[string]string {
	pairs := map[string]string{}
	maps.Copy(pairs, g.ContextSubset)
	maps.Copy(pairs, g.ContextEquals)
	return pairs
}

// constraintType adds the condition key that tells which constraint on the encryption context a grant has.
func constraintType(g state.Grant, keys map[string][]string) {
	switch {
	case len(g.ContextEquals) > 0:
		keys["kms:GrantConstraintType"] = []string{"EncryptionContextEquals"}
	case len(g.ContextSubset) > 0:
		keys["kms:GrantConstraintType"] = []string{"EncryptionContextSubset"}
	}
}

// parent returns a grant under which the caller may make the grant g: one with CreateGrant whose operations and
// constraints g does not exceed. https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-create-grant
func (x *grantIndex) parent(c *api.Caller, g state.Grant) (state.Grant, bool) {
	for _, p := range principalsOf(c) {
		for _, i := range x.grantees[p] {
			if old := x.all[i]; isWhom(c, old.GranteeID) && slices.Contains(old.Operations, "CreateGrant") && within(old, g) {
				return old, true
			}
		}
	}
	return state.Grant{}, false
}

func within(parent, child state.Grant) bool {
	for _, operation := range child.Operations {
		if !slices.Contains(parent.Operations, operation) {
			return false
		}
	}
	if len(parent.ContextEquals) > 0 && !maps.Equal(parent.ContextEquals, child.ContextEquals) {
		return false
	}
	if parent.SourceARN != "" && parent.SourceARN != child.SourceARN {
		return false
	}
	return contains(child.ContextEquals, parent.ContextSubset) || contains(child.ContextSubset, parent.ContextSubset)
}

// newGrant checks a request and makes the grant that it asks for.
func (s *Service) newGrant(ctx context.Context, in *kms.CreateGrantInput) (state.Grant, error) {
	g := state.Grant{ID: hex.EncodeToString(randomBytes(32)), Token: newToken()}
	var err error
	if g.Grantee, g.GranteeID, err = s.grantPrincipal(ctx, "granteePrincipal", in.GranteePrincipal, in.GranteeServicePrincipal); err != nil {
		return g, err
	}
	if g.Grantee == "" {
		return g, errNull("granteePrincipal")
	}
	if g.Retiring, g.RetiringID, err = s.grantPrincipal(ctx, "retiringPrincipal", in.RetiringPrincipal, in.RetiringServicePrincipal); err != nil {
		return g, err
	}
	if in.Name != nil {
		if g.Name = *in.Name; !grantNamePattern.MatchString(g.Name) {
			return g, errConstraint("name", g.Name, "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")
		}
	}
	if len(in.Operations) == 0 {
		return g, errNull("operations")
	}
	for _, operation := range in.Operations {
		if !slices.Contains(operation.Values(), operation) {
			return g, errConstraint("operations", string(operation), "Member must satisfy enum value set")
		}
		if !slices.Contains(g.Operations, string(operation)) {
			g.Operations = append(g.Operations, string(operation))
		}
	}
	return g, constrain(&g, in.Constraints)
}

func constrain(g *state.Grant, constraints *types.GrantConstraints) error {
	if constraints == nil {
		return nil
	}
	switch {
	case len(constraints.EncryptionContextEquals) > 8 || len(constraints.EncryptionContextSubset) > 8:
		return errConstraint("constraints", "", "Member must have at most 8 encryption context pairs")
	}
	if len(constraints.EncryptionContextEquals) > 0 {
		g.ContextEquals = constraints.EncryptionContextEquals
	}
	if len(constraints.EncryptionContextSubset) > 0 {
		g.ContextSubset = constraints.EncryptionContextSubset
	}
	if constraints.SourceArn != nil {
		if _, err := arn.Parse(*constraints.SourceArn); err != nil {
			return api.Errorf("InvalidArnException", "The SourceArn constraint %s is not an ARN.", *constraints.SourceArn)
		}
		g.SourceARN = *constraints.SourceArn
	}
	return nil
}

// grantPrincipal checks the two members of a request that may name a principal: any, or a service. It returns the name, and
// the unique id of a role or user.
func (s *Service) grantPrincipal(ctx context.Context, member string, principal, service *string) (name, uniqueID string, err error) {
	switch {
	case principal != nil && service != nil:
		return "", "", api.Errorf("ValidationException", "%s and its service principal exclude each other.", member)
	case service != nil:
		principal = service
	case principal == nil:
		return "", "", nil
	}
	if servicePattern.MatchString(*principal) {
		return *principal, "", nil
	}
	exists := false
	if service == nil && strings.HasPrefix(*principal, "arn:") {
		if exists, err = s.principalExists(ctx, *principal); err != nil {
			return "", "", err
		}
	}
	if exists && s.PrincipalID != nil {
		if uniqueID, exists, err = s.PrincipalID(ctx, *principal); err != nil {
			return "", "", err
		}
	}
	if !exists {
		return "", "", api.Errorf("InvalidArnException", "ARN does not refer to a valid principal: %s", *principal)
	}
	return *principal, uniqueID, nil
}

func sameGrant(a, b state.Grant) bool {
	return a.Grantee == b.Grantee && a.GranteeID == b.GranteeID && a.Retiring == b.Retiring && a.RetiringID == b.RetiringID && a.IssuingAccount == b.IssuingAccount &&
		slices.Equal(slices.Sorted(slices.Values(a.Operations)), slices.Sorted(slices.Values(b.Operations))) &&
		maps.Equal(a.ContextEquals, b.ContextEquals) && maps.Equal(a.ContextSubset, b.ContextSubset) && a.SourceARN == b.SourceARN
}

// ListGrants lists a key's grants by id.
func (s *Service) ListGrants(ctx context.Context, c *api.Caller, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	t, err := s.find(ctx, c, "ListGrants", in.KeyId, foreign)
	if err != nil {
		return nil, err
	}
	l, err := s.newListing(c, "ListGrants:"+t.ID, in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	fits := func(g state.Grant) bool {
		return (in.GrantId == nil || *in.GrantId == g.ID) &&
			(in.GranteePrincipal == nil || *in.GranteePrincipal == g.Grantee) &&
			(in.GranteeServicePrincipal == nil || *in.GranteeServicePrincipal == g.Grantee)
	}
	var listed []state.Grant
	for _, g := range t.grants.all {
		if fits(g) {
			listed = append(listed, g)
		}
	}
	listed, next := slice(l, listed, grantID)
	return &kms.ListGrantsOutput{Grants: grantEntries(t.AccountID, listed), NextMarker: next, Truncated: next != nil}, nil
}

func (s *Service) listGrantsAccess(ctx context.Context, c *api.Caller, in *kms.ListGrantsInput) ([]api.Access, error) {
	more := map[string][]string{"kms:GrantIsForAWSResource": {"false"}}
	if c.InvokedBy != "" {
		more["kms:GrantIsForAWSResource"] = []string{"true"}
	}
	return s.ask(ctx, c, in.KeyId, foreign, question{operation: "ListGrants", more: more})
}

// ListRetirableGrants lists the grants in all accounts of the Region that a principal of the caller's account may retire.
func (s *Service) ListRetirableGrants(ctx context.Context, c *api.Caller, in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	retiring := in.RetiringPrincipal
	if retiring == nil {
		retiring = in.RetiringServicePrincipal
	}
	if retiring == nil {
		return nil, errNull("retiringPrincipal")
	}
	l, err := s.newListing(c, "ListRetirableGrants:"+*retiring, in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	out := &kms.ListRetirableGrantsOutput{Grants: []types.GrantListEntry{}}
	if !strings.Contains(*retiring, "::"+c.AccountID+":") {
		return out, nil
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		rows, err := tx.RetirableGrants(ctx, c.Region, *retiring, l.after, l.limit+1)
		if err != nil {
			return err
		}
		rows, out.NextMarker = cut(l, rows, grantID)
		out.Truncated = out.NextMarker != nil
		for _, g := range rows {
			k, err := tx.Key(ctx, g.Region, g.KeyID)
			if err != nil {
				return err
			}
			out.Grants = append(out.Grants, grantEntries(k.AccountID, []state.Grant{g})...)
		}
		return nil
	})
	return out, err
}

// RetireGrant ends a grant by one who uses it: its retiring principal, or its grantee where the grant allows that.
func (s *Service) RetireGrant(ctx context.Context, c *api.Caller, in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	t, g, err := s.findRetired(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.RetireGrantOutput{}, s.deleteGrant(ctx, t, g.ID)
}

func (s *Service) retireGrantAccess(ctx context.Context, c *api.Caller, in *kms.RetireGrantInput) ([]api.Access, error) {
	t, g, err := s.findRetired(ctx, c, in)
	if err != nil {
		return nil, err
	}
	q := question{operation: "RetireGrant", encryptionContext: constrainedContext(g), more: map[string][]string{}}
	constraintType(g, q.more)
	a := q.access(c, t)
	names := principalsOf(c)
	if slices.Contains(names, g.Retiring) && isWhom(c, g.RetiringID) ||
		slices.Contains(names, g.Grantee) && isWhom(c, g.GranteeID) && slices.Contains(g.Operations, "RetireGrant") {
		a.Grants = []string{g.ID}
	}
	return []api.Access{a}, nil
}

// findRetired finds the grant of a RetireGrant call: by token, or by key and grant id.
func (s *Service) findRetired(ctx context.Context, c *api.Caller, in *kms.RetireGrantInput) (target, state.Grant, error) {
	if in.GrantToken == nil {
		t, err := s.find(ctx, c, "RetireGrant", in.KeyId, foreign)
		if err != nil {
			return target{}, state.Grant{}, err
		}
		g, err := t.grant(in.GrantId)
		return t, g, err
	}
	g, err := s.grantOfToken(ctx, *in.GrantToken)
	if err != nil {
		return target{}, state.Grant{}, err
	}
	k, err := s.key(ctx, c.Region, g.KeyID)
	if errors.Is(err, state.ErrNotFound) || err == nil && g.Region != c.Region {
		return target{}, state.Grant{}, errInvalidToken()
	}
	return target{liveKey: k, given: g.KeyID}, g, err
}

// RevokeGrant ends a grant by one who administers the key.
func (s *Service) RevokeGrant(ctx context.Context, c *api.Caller, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	t, err := s.find(ctx, c, "RevokeGrant", in.KeyId, foreign)
	if err != nil {
		return nil, err
	}
	g, err := t.grant(in.GrantId)
	if err != nil {
		return nil, err
	}
	if err := checkDryRun(in.DryRun); err != nil {
		return nil, err
	}
	return &kms.RevokeGrantOutput{}, s.deleteGrant(ctx, t, g.ID)
}

func (s *Service) revokeGrantAccess(ctx context.Context, c *api.Caller, in *kms.RevokeGrantInput) ([]api.Access, error) {
	more := map[string][]string{"kms:GrantIsForAWSResource": {"false"}}
	if c.InvokedBy != "" {
		more["kms:GrantIsForAWSResource"] = []string{"true"}
	}
	return s.ask(ctx, c, in.KeyId, foreign, question{operation: "RevokeGrant", more: more})
}

func (s *Service) deleteGrant(ctx context.Context, t target, id string) error {
	return s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, _ *state.Key) error {
		return notFoundAs(tx.DeleteGrant(ctx, id), errGrantNotFound(id))
	})
}

// grant returns a grant of the key by its id.
func (k *liveKey) grant(id *string) (state.Grant, error) {
	if id == nil {
		return state.Grant{}, errNull("grantId")
	}
	i, ok := slices.BinarySearchFunc(k.grants.all, *id, func(g state.Grant, id string) int { return strings.Compare(g.ID, id) })
	if !ok {
		return state.Grant{}, errGrantNotFound(*id)
	}
	return k.grants.all[i], nil
}

func errGrantNotFound(id string) *api.Error {
	return api.Errorf("NotFoundException", "Grant ID %s not found", id)
}

func errInvalidToken() *api.Error {
	return api.Errorf("InvalidGrantTokenException", "The grant token is not valid.")
}

func (s *Service) grantOfToken(ctx context.Context, token string) (g state.Grant, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		g, err = tx.GrantByToken(ctx, token)
		return notFoundAs(err, errInvalidToken())
	})
	return g, err
}

// checkTokens refuses tokens of no grant. Otherwise they change nothing: a grant is in force once CreateGrant returns.
func (s *Service) checkTokens(ctx context.Context, tokens []string) error {
	if len(tokens) > 10 {
		return errConstraint("grantTokens", "", "Member must have length less than or equal to 10")
	}
	for _, token := range tokens {
		if _, err := s.grantOfToken(ctx, token); err != nil {
			return err
		}
	}
	return nil
}

func grantID(g state.Grant) string { return g.ID }

func grantEntries(keyAccount string, grants []state.Grant) []types.GrantListEntry {
	entries := []types.GrantListEntry{}
	for _, g := range grants {
		e := types.GrantListEntry{
			CreationDate: g.CreatedAt.Ptr(), GrantId: new(g.ID), GranteePrincipal: new(g.Grantee), IssuingAccount: new(g.IssuingAccount),
			KeyId: new(keyARN(g.Region, keyAccount, g.KeyID)),
		}
		if g.Name != "" {
			e.Name = new(g.Name)
		}
		if g.Retiring != "" {
			e.RetiringPrincipal = new(g.Retiring)
		}
		for _, operation := range g.Operations {
			e.Operations = append(e.Operations, types.GrantOperation(operation))
		}
		if g.ContextEquals != nil || g.ContextSubset != nil || g.SourceARN != "" {
			e.Constraints = &types.GrantConstraints{EncryptionContextEquals: g.ContextEquals, EncryptionContextSubset: g.ContextSubset}
			if g.SourceARN != "" {
				e.Constraints.SourceArn = new(g.SourceARN)
			}
		}
		entries = append(entries, e)
	}
	return entries
}

func newToken() string { return base64.RawURLEncoding.EncodeToString(randomBytes(48)) }
