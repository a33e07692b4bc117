package s3

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// bucketARN names a bucket in policies.
func bucketARN(bucket string) string { return "arn:aws:s3:::" + bucket }

// objectARN names an object in policies.
func objectARN(bucket, key string) string { return bucketARN(bucket) + "/" + key }

// accesses is what [api.Op] wants to know of an operation.
type accesses[In any] func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error)

// target is what nearly every input of S3 names, by the same field names.
type target struct {
	bucket, key, version, owner string
}

// targetOf makes the function that reads the target of an input.
func targetOf[In any]() func(in *In) target {
	t := reflect.TypeFor[In]()
	reader := func(name string) func(v reflect.Value) string {
		field, ok := t.FieldByName(name)
		if !ok {
			return func(reflect.Value) string { return "" }
		}
		return func(v reflect.Value) string { return str(v.FieldByIndex(field.Index).Interface().(*string)) }
	}
	bucket, key, version, owner := reader("Bucket"), reader("Key"), reader("VersionId"), reader("ExpectedBucketOwner")
	return func(in *In) target {
		v := reflect.ValueOf(in).Elem()
		return target{bucket(v), key(v), version(v), owner(v)}
	}
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// lookup reads a bucket by name wherever it is.
func (s *Service) lookup(ctx context.Context, name string) (b state.Bucket, err error) {
	err = s.db.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		b, err = tx.Bucket(ctx, name)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return b, noSuchBucket(name)
	}
	return b, err
}

// bucket reads the bucket that a call names, if the call came to its Region. A call without a signature names none.
func (s *Service) bucket(ctx context.Context, c *api.Caller, name *string) (state.Bucket, error) {
	b, err := s.lookup(ctx, str(name))
	if err != nil {
		return b, err
	}
	if b.Region != c.Region && c.Region != "" {
		return b, wrongRegion(b.Name, b.Region)
	}
	return asSeenBy(b, c), nil
}

// asSeenBy is a bucket whose policy and list are left out where RestrictPublicBuckets keeps the caller from them: only
// the policies of the bucket's account then give access.
func asSeenBy(b state.Bucket, c *api.Caller) state.Bucket {
	if restricted(b, c) {
		b.Policy, b.Settings.ACL = "", ""
	}
	return b
}

// bucketAccess asks for an action on a bucket or on an object of it.
func bucketAccess(b state.Bucket, action, resource string, conditions map[string][]string) api.Access {
	a := api.Access{Action: "s3:" + action, Resource: resource, ResourceAccountID: b.AccountID, Context: conditions}
	if b.Policy != "" {
		a.ResourcePolicies = []api.PolicyDocument{{Name: "bucket policy of " + bucketARN(b.Name), Document: b.Policy}}
	}
	if list := aclPolicy(b); list != "" {
		a.ResourcePolicies = append(a.ResourcePolicies, api.PolicyDocument{Name: "access control list of " + bucketARN(b.Name), Document: list})
	}
	return a
}

// target reads the bucket of t and holds it against what the caller expects of it.
func (s *Service) target(ctx context.Context, c *api.Caller, t target) (state.Bucket, error) {
	b, err := s.bucket(ctx, c, &t.bucket)
	if err == nil && t.owner != "" && t.owner != b.AccountID {
		return b, accessDenied()
	}
	return b, err
}

// onBucket makes the access of an operation on a bucket.
func onBucket[In any](s *Service, action string, conditions func(in *In) map[string][]string) accesses[In] {
	targetOf := targetOf[In]()
	return func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		b, err := s.target(ctx, c, targetOf(in))
		if err != nil {
			return nil, err
		}
		var keys map[string][]string
		if conditions != nil {
			keys = conditions(in)
		}
		return []api.Access{bucketAccess(b, action, bucketARN(b.Name), keys)}, nil
	}
}

// onObject makes the access of an operation on an object: action if the newest version is meant, versionAction if the
// call names one. more adds conditions, and further actions.
func onObject[In any](s *Service, action, versionAction string, more func(in *In, conditions map[string][]string) (actions []string)) accesses[In] {
	return onObjectWith(s, nil, action, versionAction, more)
}

// onTaggedObject is onObject where the tags of an object that is there are conditions, and its list is asked.
func onTaggedObject[In any](s *Service, action, versionAction string, more func(in *In, conditions map[string][]string) (actions []string)) accesses[In] {
	return onObjectWith(s, s.existing, action, versionAction, more)
}

func onObjectWith[In any](
	s *Service, existing func(context.Context, state.Bucket, target, map[string][]string) (acl string, err error), action, versionAction string,
	more func(in *In, conditions map[string][]string) (actions []string),
) accesses[In] {
	targetOf := targetOf[In]()
	return func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		t := targetOf(in)
		b, err := s.target(ctx, c, t)
		if err != nil {
			return nil, err
		}
		if err := checkKey(t.key); err != nil {
			return nil, err
		}
		conditions := map[string][]string{}
		actions := []string{action}
		if t.version != "" {
			actions[0] = versionAction
			conditions["s3:VersionId"] = []string{t.version}
		}
		var list string
		if existing != nil {
			acl, err := existing(ctx, b, t, conditions)
			if err != nil {
				return nil, err
			}
			list = objectACLPolicy(b, escaped(t.key), acl)
		}
		if more != nil {
			actions = append(actions, more(in, conditions)...)
		}
		all := make([]api.Access, len(actions))
		for i, action := range actions {
			all[i] = withList(bucketAccess(b, action, objectARN(b.Name, t.key), conditions), list)
		}
		return all, nil
	}
}

// withList adds the policy that an object's list stands for.
func withList(a api.Access, list string) api.Access {
	if list != "" {
		a.ResourcePolicies = append(a.ResourcePolicies, api.PolicyDocument{Name: "access control list of " + a.Resource, Document: list})
	}
	return a
}

// escaped is a key as a policy names it and nothing else.
func escaped(key string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(key)
}

// existing adds the tags of the object that t names to the conditions, and returns its access control list.
func (s *Service) existing(ctx context.Context, b state.Bucket, t target, conditions map[string][]string) (acl string, err error) {
	o, err := s.find(ctx, b, t.key, t.version)
	if err != nil {
		if api.Code(err) != "" {
			return "", nil // no such object, no tags; the operation itself will say so
		}
		return "", err
	}
	for key, value := range o.Tags {
		conditions["s3:ExistingObjectTag/"+key] = []string{value}
	}
	return ownList(b, o), nil
}

// checkKey holds a key against what S3 accepts. NUL could not be told in a listing.
func checkKey(key string) error {
	switch {
	case key == "":
		return invalidArgument("Key", key, "The object key must not be empty.")
	case len(key) > 1024:
		return failure(400, "KeyTooLongError", "Your key is too long", "MaxSizeAllowed", "1024")
	case strings.ContainsRune(key, 0):
		return invalidArgument("Key", key, "The object key must not contain a null character.")
	case !validUTF8(key):
		return invalidArgument("Key", key, "The object key must be UTF-8.")
	}
	return nil
}

// missing is the answer to a call for an object that is not there: err, or AccessDenied to who may not know which keys
// the bucket has.
func (s *Service) missing(ctx context.Context, c *api.Caller, b state.Bucket, err *api.Error) error {
	if s.door.Authorize(ctx, c, "s3", bucketAccess(b, "ListBucket", bucketARN(b.Name), nil)) != nil {
		return accessDenied()
	}
	return err
}
