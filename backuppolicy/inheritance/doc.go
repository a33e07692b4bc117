// Package inheritance merges the management policies of AWS Organizations (backup policies, tag policies) that an account
// inherits into one tree, and remembers of every value who set it.
//
// It knows the inheritance operators and nothing of what a policy says: which keys exist and what they may hold is the
// business of the package of the policy type, which walks the [Document] and the [Merged] tree. Facts are from
// https://docs.aws.amazon.com/organizations/latest/userguide/policy-operators.html and the examples beside that page;
// where they leave something open, docs/decisions/0005-backup-policies.md says what was chosen.
//
// # How levels merge
//
// The root is the first level, each organizational unit on the way down the next, the account the last. Within a level all
// policies are taken together:
//
//  1. Of several @@assign for one setting the one that was attached first holds, and replaces what was inherited.
//  2. Then every @@append adds its values, in the order of attachment; what is in the list already is not added twice.
//  3. Then every @@remove takes its values away, whoever put them there.
//
// An operator that a level above does not allow is ignored, and so is a new child of a node that admits none; the rest of
// the policy merges. What policies of one level allow to their children is intersected, and no level below can widen it.
//
// A [Merged] tree is never changed: [Merged.Extend] makes a new one that shares all that the level does not touch. What
// an organizational unit's accounts have in common is merged once.
package inheritance
