package kms

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

var aliasPattern = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)

// checkAliasName says whether a user may make or change an alias of the name.
func checkAliasName(name *string) error {
	switch {
	case name == nil:
		return errNull("aliasName")
	case len(*name) > 256:
		return errConstraint("aliasName", *name, "Member must have length less than or equal to 256")
	case !strings.HasPrefix(*name, "alias/"):
		return api.Errorf("ValidationException", "Alias must start with the prefix \"alias/\". Please see "+
			"https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
	case !aliasPattern.MatchString(*name):
		return api.Errorf("InvalidAliasNameException", "%s contains invalid characters for an alias", *name)
	case strings.HasPrefix(*name, "alias/aws/"):
		return api.Errorf("InvalidAliasNameException", "%s: names that begin with alias/aws/ are reserved for AWS managed keys.", *name)
	}
	return nil
}

// aliasAccess asks about an alias as a resource of its own, which no key policy speaks for.
func aliasAccess(c *api.Caller, operation, name string) api.Access {
	keys := map[string][]string{}
	callerConditions(c, keys)
	return api.Access{Action: "kms:" + operation, Resource: aliasARN(c.Region, c.AccountID, name), Context: keys}
}

// CreateAlias gives a key another name.
func (s *Service) CreateAlias(ctx context.Context, c *api.Caller, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	t, err := s.find(ctx, c, "CreateAlias", in.TargetKeyId, own)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).notPending(); err != nil {
			return err
		}
		return tx.InsertAlias(ctx, state.Alias{
			AccountID: c.AccountID, Region: c.Region, Name: *in.AliasName, KeyID: t.ID, CreatedAt: tx.Now, UpdatedAt: tx.Now,
		})
	})
	if errors.Is(err, state.ErrExists) {
		return nil, api.Errorf("AlreadyExistsException", "An alias with the name %s already exists",
			aliasARN(c.Region, c.AccountID, *in.AliasName))
	}
	return &kms.CreateAliasOutput{}, err
}

func (s *Service) createAliasAccess(ctx context.Context, c *api.Caller, in *kms.CreateAliasInput) ([]api.Access, error) {
	if err := checkAliasName(in.AliasName); err != nil {
		return nil, err
	}
	onKey, err := s.ask(ctx, c, in.TargetKeyId, own, question{operation: "CreateAlias"})
	return append(onKey, aliasAccess(c, "CreateAlias", *in.AliasName)), err
}

// UpdateAlias points an alias at another key of the account and Region.
func (s *Service) UpdateAlias(ctx context.Context, c *api.Caller, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	before, err := s.findOwnAlias(ctx, c, "UpdateAlias", *in.AliasName)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, c, "UpdateAlias", in.TargetKeyId, own)
	if err != nil {
		return nil, err
	}
	if (before.spec.kind == symmetricKind) != (t.spec.kind == symmetricKind) || before.spec.asymmetric() != t.spec.asymmetric() || before.Usage != t.Usage {
		return nil, api.Errorf("ValidationException", "%s cannot be associated with %s: the current and the new key must be of the "+
			"same type and have the same key usage.", aliasARN(c.Region, c.AccountID, *in.AliasName), t.arn)
	}
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, row *state.Key) error {
		if err := t.at(row).notPending(); err != nil {
			return err
		}
		err := tx.UpdateAlias(ctx, state.Alias{
			AccountID: c.AccountID, Region: c.Region, Name: *in.AliasName, KeyID: t.ID, UpdatedAt: tx.Now,
		})
		return notFoundAs(err, errAliasNotFound(aliasARN(c.Region, c.AccountID, *in.AliasName)))
	})
	s.cache.changed(before.ID)
	return &kms.UpdateAliasOutput{}, err
}

func (s *Service) updateAliasAccess(ctx context.Context, c *api.Caller, in *kms.UpdateAliasInput) ([]api.Access, error) {
	if err := checkAliasName(in.AliasName); err != nil {
		return nil, err
	}
	before, err := s.findOwnAlias(ctx, c, "UpdateAlias", *in.AliasName)
	if err != nil {
		return nil, err
	}
	onKey, err := s.ask(ctx, c, in.TargetKeyId, own, question{operation: "UpdateAlias"})
	return append(onKey, question{operation: "UpdateAlias"}.access(c, before), aliasAccess(c, "UpdateAlias", *in.AliasName)), err
}

// DeleteAlias removes an alias; its key stays.
func (s *Service) DeleteAlias(ctx context.Context, c *api.Caller, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	t, err := s.findOwnAlias(ctx, c, "DeleteAlias", *in.AliasName)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, t.liveKey, func(ctx context.Context, tx *state.Tx, _ *state.Key) error {
		err := tx.DeleteAlias(ctx, c.AccountID, c.Region, *in.AliasName)
		return notFoundAs(err, errAliasNotFound(aliasARN(c.Region, c.AccountID, *in.AliasName)))
	})
	return &kms.DeleteAliasOutput{}, err
}

func (s *Service) deleteAliasAccess(ctx context.Context, c *api.Caller, in *kms.DeleteAliasInput) ([]api.Access, error) {
	if err := checkAliasName(in.AliasName); err != nil {
		return nil, err
	}
	t, err := s.findOwnAlias(ctx, c, "DeleteAlias", *in.AliasName)
	if err != nil {
		return nil, err
	}
	return []api.Access{
		question{operation: "DeleteAlias"}.access(c, t),
		aliasAccess(c, "DeleteAlias", *in.AliasName),
	}, nil
}

// findOwnAlias finds the key of an alias of the caller's account that a user made. The alias itself is not a condition of
// the call, for the call is about it.
func (s *Service) findOwnAlias(ctx context.Context, c *api.Caller, operation, name string) (target, error) {
	t, err := s.findByAlias(ctx, c, operation, name, c.AccountID, name)
	t.alias = ""
	return t, err
}

// ListAliases lists the aliases of the caller's account and Region, or those of one key.
func (s *Service) ListAliases(ctx context.Context, c *api.Caller, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	keyID := ""
	if in.KeyId != nil {
		t, err := s.find(ctx, c, "ListAliases", in.KeyId, own)
		if err != nil {
			return nil, err
		}
		keyID = t.ID
	}
	l, err := s.newListing(c, "ListAliases:"+keyID, in.Marker, in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	var rows []state.Alias
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		rows, err = tx.Aliases(ctx, c.AccountID, c.Region, keyID, l.after, l.limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, next := cut(l, rows, func(a state.Alias) string { return a.Name })
	out := &kms.ListAliasesOutput{NextMarker: next, Truncated: next != nil, Aliases: []types.AliasListEntry{}}
	for _, a := range rows {
		out.Aliases = append(out.Aliases, types.AliasListEntry{
			AliasArn: new(aliasARN(a.Region, a.AccountID, a.Name)), AliasName: new(a.Name), TargetKeyId: new(a.KeyID),
			CreationDate: a.CreatedAt.Ptr(), LastUpdatedDate: a.UpdatedAt.Ptr(),
		})
	}
	return out, nil
}
