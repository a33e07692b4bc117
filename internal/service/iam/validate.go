package iam

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"strongroom/arn"
	"strongroom/iampolicy"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Quotas and shapes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxRoleName        = 64
	maxUserName        = 64
	maxGroupName       = 128
	maxPolicyName      = 128
	maxTrustPolicy     = 2048
	maxManagedPolicy   = 6144
	maxInlineRole      = 10240 // of all inline policies of a role together
	maxInlineUser      = 2048
	maxInlineGroup     = 5120
	maxAttached        = 10
	maxPolicyVersions  = 5
	maxKeysPerUser     = 2
	maxMFADevices      = 8
	maxGroupsPerUser   = 10
	maxTags            = 50
	maxDescription     = 1000
	minSessionDuration = 3600
	maxSessionDuration = 43200
)

var (
	namePattern = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathPattern = regexp.MustCompile(`^(/|/[!-~]+/)$`)
)

// constraints gathers what is wrong with an input, as IAM reports it: all of it in one message.
type constraints []string

func (k *constraints) add(field, value, constraint string) {
	*k = append(*k, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, field, constraint))
}

func (k *constraints) name(field string, value *string, longest int) {
	switch text := aws.ToString(value); {
	case value == nil:
		*k = append(*k, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", field))
	case text == "":
		k.add(field, text, "have length greater than or equal to 1")
	case utf8.RuneCountInString(text) > longest:
		k.add(field, text, fmt.Sprintf("have length less than or equal to %d", longest))
	case !namePattern.MatchString(text):
		k.add(field, text, `satisfy regular expression pattern: [\w+=,.@-]+`)
	}
}

func (k *constraints) path(value *string) { k.pathAt("path", value) }

func (k *constraints) pathAt(field string, value *string) {
	if text := aws.ToString(value); value != nil && (!pathPattern.MatchString(text) || len(text) > 512) {
		k.add(field, text, `satisfy regular expression pattern: (/)|(/[!-\u007F]+/)`)
	}
}

func (k *constraints) document(field string, value *string) {
	switch {
	case value == nil:
		*k = append(*k, fmt.Sprintf("Value null at '%s' failed to satisfy constraint: Member must not be null", field))
	case *value == "":
		k.add(field, "", "have length greater than or equal to 1")
	}
}

func (k *constraints) description(value *string) {
	if utf8.RuneCountInString(aws.ToString(value)) > maxDescription {
		k.add("description", *value, fmt.Sprintf("have length less than or equal to %d", maxDescription))
	}
}

func (k *constraints) session(value *int32) {
	switch seconds := aws.ToInt32(value); {
	case value == nil:
	case seconds < minSessionDuration:
		k.add("maxSessionDuration", fmt.Sprint(seconds), fmt.Sprintf("have value greater than or equal to %d", minSessionDuration))
	case seconds > maxSessionDuration:
		k.add("maxSessionDuration", fmt.Sprint(seconds), fmt.Sprintf("have value less than or equal to %d", maxSessionDuration))
	}
}

func (k *constraints) tags(tags []types.Tag) {
	if len(tags) > maxTags {
		k.add("tags", fmt.Sprintf("%d tags", len(tags)), fmt.Sprintf("have length less than or equal to %d", maxTags))
	}
	for i, tag := range tags {
		at := fmt.Sprintf("tags.%d.member.key", i+1)
		switch key := aws.ToString(tag.Key); {
		case key == "":
			k.add(at, key, "have length greater than or equal to 1")
		case utf8.RuneCountInString(key) > 128:
			k.add(at, key, "have length less than or equal to 128")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			k.add(at, key, `satisfy regular expression pattern: (?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
		}
		if value := aws.ToString(tag.Value); utf8.RuneCountInString(value) > 256 {
			k.add(fmt.Sprintf("tags.%d.member.value", i+1), value, "have length less than or equal to 256")
		}
	}
}

func (k *constraints) err() error {
	switch len(*k) {
	case 0:
		return nil
	case 1:
		return api.Errorf("ValidationError", "1 validation error detected: %s", (*k)[0])
	}
	return api.Errorf("ValidationError", "%d validation errors detected: %s", len(*k), strings.Join(*k, "; "))
}

// checkDocument refuses a document that is no policy of the kind.
func checkDocument(document string, kind iampolicy.Kind) (*iampolicy.Policy, error) {
	p, err := iampolicy.Parse([]byte(document))
	if err == nil {
		err = iampolicy.Validate(p, kind)
	}
	if err != nil {
		return nil, malformedPolicy("%s", iampolicy.MalformedMessage(err))
	}
	return p, nil
}

// documentSize is what counts against quotas: white space does not.
func documentSize(document string) int {
	n := 0
	for _, r := range document {
		if r != ' ' && r != '\t' && r != '\n' && r != '\r' {
			n++
		}
	}
	return n
}

// checkTrust refuses a trust policy that is malformed, too long, or names a principal that does not exist.
func checkTrust(ctx context.Context, tx *state.Tx, document string) error {
	p, err := checkDocument(document, iampolicy.Trust)
	if err != nil {
		return err
	}
	if documentSize(document) > maxTrustPolicy {
		return limitExceeded("Cannot exceed quota for ACLSizePerRole: %d", maxTrustPolicy)
	}
	unknown, err := unknownPrincipals(ctx, tx, p)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return malformedPolicy(`Invalid principal in policy: "AWS":"%s"`, unknown[0])
	}
	return nil
}

// UnknownPrincipals lists the accounts, users and roles that a resource policy names and that do not exist. The services
// that keep such policies refuse them, each with its own error.
func (s *Service) UnknownPrincipals(ctx context.Context, p *iampolicy.Policy) (unknown []string, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		unknown, err = unknownPrincipals(ctx, tx, p)
		return err
	})
	return unknown, err
}

// PrincipalExists reports whether there is an account, user or role behind an entry of a policy's Principal element.
func (s *Service) PrincipalExists(ctx context.Context, entry string) (bool, error) {
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error { return findPrincipal(ctx, tx, entry) })
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// PrincipalID tells the unique id of the user or role that an ARN names, of a session's the role's, "" for other principals,
// and whether there is such a one.
func (s *Service) PrincipalID(ctx context.Context, name string) (id string, exists bool, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		if err := findPrincipal(ctx, tx, name); err != nil {
			return err
		}
		id, err = uniqueIDOf(ctx, tx, name)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return "", false, nil
	}
	return id, err == nil, err
}

func uniqueIDOf(ctx context.Context, tx *state.Tx, principal string) (string, error) {
	name, err := arn.Parse(principal)
	if err != nil {
		return "", nil // an account id
	}
	kind, path := name.Split()
	switch {
	case name.Service == "iam" && kind == "user":
		user, err := tx.User(ctx, name.AccountID, lastSegment(principal))
		return user.ID, err
	case name.Service == "iam" && kind == "role":
		role, err := tx.Role(ctx, name.AccountID, lastSegment(principal))
		return role.ID, err
	case name.Service == "sts" && kind == "assumed-role":
		last, _, _ := strings.Cut(path, "/")
		role, err := tx.Role(ctx, name.AccountID, last)
		return role.ID, err
	}
	return "", nil
}

func unknownPrincipals(ctx context.Context, tx *state.Tx, p *iampolicy.Policy) (unknown []string, err error) {
	for i := range p.Statements {
		for _, principals := range []*iampolicy.Principals{p.Statements[i].Principal, p.Statements[i].NotPrincipal} {
			if principals == nil {
				continue
			}
			for _, entry := range principals.AWS {
				err := findPrincipal(ctx, tx, entry)
				if errors.Is(err, state.ErrNotFound) {
					unknown = append(unknown, entry)
				} else if err != nil {
					return nil, err
				}
			}
		}
	}
	return unknown, nil
}

// findPrincipal returns [state.ErrNotFound] for an entry of a policy's Principal element that nobody is behind.
func findPrincipal(ctx context.Context, tx *state.Tx, entry string) error {
	if entry == "*" || strings.HasPrefix(entry, userPrefix) || strings.HasPrefix(entry, rolePrefix) {
		return nil // a unique id stands for a principal that may be gone
	}
	name, err := arn.Parse(entry)
	if err != nil {
		_, err := tx.Account(ctx, entry)
		return err
	}
	kind, path := name.Split()
	last := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case name.Service == "iam" && kind == "user":
		user, err := tx.User(ctx, name.AccountID, last)
		return foundAs(entry, user.ARN(), err)
	case name.Service == "iam" && kind == "role":
		role, err := tx.Role(ctx, name.AccountID, last)
		return foundAs(entry, role.ARN(), err)
	case name.Service == "sts" && kind == "assumed-role":
		role, _, _ := strings.Cut(path, "/")
		_, err := tx.Role(ctx, name.AccountID, role)
		return err
	}
	_, err = tx.Account(ctx, name.AccountID)
	return err
}

func foundAs(wanted, found string, err error) error {
	if err == nil && wanted != found {
		return state.ErrNotFound // the path differs
	}
	return err
}
