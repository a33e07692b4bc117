// Package tagpolicy reads the tag policies of AWS Organizations and makes an account's effective tag policy of those that it
// inherits: how the keys of tags are capitalized, which values they may have, for which resources that is enforced, and for
// which a tag is required. How policies are handed down is told in package inheritance.
//
// The grammar is that of
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_example-tag-policies.html. Which types of
// resources can be named is a list that AWS lengthens every month, so a type is taken by its form.
package tagpolicy
