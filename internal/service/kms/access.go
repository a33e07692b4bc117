package kms

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// question is what a call asks about a key.
type question struct {
	operation string // "Decrypt"; the action is "kms:Decrypt"
	// granted is the operation of grants that allows the call; empty if grants do not allow it.
	granted           string
	encryptionContext map[string]string
	more              map[string][]string // further condition keys
	ofCiphertext      bool                // refusals speak of the resource that a ciphertext names
}

// access makes the question to the policies about the key.
func (q question) access(c *api.Caller, t target) api.Access {
	a := api.Access{
		Action:            "kms:" + q.operation,
		Resource:          t.arn,
		ResourceAccountID: t.AccountID,
		Context:           q.conditions(c, t),
		ResourcePolicies:  []api.PolicyDocument{{Name: "key policy of " + t.arn, Document: t.Policy}},
		KeyPolicy:         true,
		AWSManaged:        t.Manager == awsManaged,
	}
	if q.granted != "" {
		if g, ok := t.grants.find(c, q.granted, q.encryptionContext); ok {
			a.Grants = []string{g.ID}
		}
	}
	if q.ofCiphertext || t.AccountID != c.AccountID {
		on := "resource: " + t.given
		if q.ofCiphertext {
			on = "the resource associated with this ciphertext"
		}
		a.DeniedAs = func(explanation string) *api.Error {
			if strings.Contains(explanation, "resource-based") {
				return errOutOfReach(callerName(c), a.Action, on)
			}
			return api.Errorf("AccessDeniedException", "%s", explanation)
		}
	}
	return a
}

// conditions are the condition keys of the call, as
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html lists them.
func (q question) conditions(c *api.Caller, t target) map[string][]string {
	keys := make(map[string][]string, 12+len(q.encryptionContext)+len(t.Tags)+len(q.more))
	callerConditions(c, keys)
	maps.Copy(keys, t.conditions)
	if len(t.aliases) > 0 {
		keys["kms:ResourceAliases"] = t.aliases
	}
	if t.alias != "" {
		keys["kms:RequestAlias"] = []string{t.alias}
	}
	keys = api.WithResourceTags(keys, t.Tags)
	if len(q.encryptionContext) > 0 {
		for key, value := range q.encryptionContext {
			keys["kms:EncryptionContext:"+key] = []string{value}
		}
		keys["kms:EncryptionContextKeys"] = slices.Sorted(maps.Keys(q.encryptionContext))
	}
	maps.Copy(keys, q.more)
	return keys
}

// keyConditions are the condition keys that tell what a key is.
func keyConditions(k state.Key) map[string][]string {
	keys := map[string][]string{
		"kms:KeyOrigin":   {k.Origin},
		"kms:KeySpec":     {k.Spec},
		"kms:KeyUsage":    {k.Usage},
		"kms:MultiRegion": {strconv.FormatBool(k.PrimaryRegion != "")},
	}
	if k.PrimaryRegion != "" {
		keys["kms:MultiRegionKeyType"] = []string{string(multiRegionType(k))}
	}
	return keys
}

// callerConditions adds the condition keys that tell who calls and through which service.
func callerConditions(c *api.Caller, keys map[string][]string) {
	if c.AccountID != "" && c.Service == "" {
		keys["kms:CallerAccount"] = []string{c.AccountID}
	}
	if via := viaService(c); via != "" {
		keys["kms:ViaService"] = []string{via}
	}
}

// viaService is the service that calls for the principal, in the form "s3.eu-central-1.amazonaws.com".
func viaService(c *api.Caller) string {
	if len(c.Via) == 0 {
		return ""
	}
	last := c.Via[len(c.Via)-1]
	name, rest, _ := strings.Cut(last, ".")
	if rest != "amazonaws.com" {
		return last
	}
	return name + "." + c.Region + ".amazonaws.com"
}

// ask is the access function of an operation on one key.
func (s *Service) ask(ctx context.Context, c *api.Caller, id *string, r reach, q question) ([]api.Access, error) {
	t, err := s.find(ctx, c, q.operation, id, r)
	if err != nil {
		return nil, err
	}
	return []api.Access{q.access(c, t)}, nil
}

// anyResource is the access function of operations that name no key. They have no condition keys of KMS.
func anyResource[In any](operation string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "kms:" + operation, Resource: "*"}}, nil
	}
}
