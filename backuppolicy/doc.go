// Package backuppolicy is the language of AWS Organizations backup policies: it reads policies, merges what an account
// inherits into its effective policy, says what is wrong with that, and turns it into backup plans.
//
// It is pure. The caller hands over the policies in the order of the tree and of attachment ([EffectivePolicy], or
// [inheritance.Merged.Extend] level by level where many accounts share a path), and gets an [Effective]: its document, its
// [Plan] values, its [Violation] values as ListEffectivePolicyValidationErrors reports them, and of every value the policies
// that it came from.
//
// # What is checked where
//
// As at AWS there are three places, and each lets pass what only the next can know:
//
//  1. [Parse] takes what CreatePolicy takes: known keys, values that can be right, and nothing that contradicts itself within
//     one rule. A policy may be incomplete; another may supply the rest.
//  2. [Effective.Violations] are about the merged whole: what is missing, too many rules, settings that do not go together.
//     An account whose effective policy has any keeps its last valid one.
//  3. [Plan.Refusals] are what AWS Backup does not take of a plan, although Organizations handed it down. Whether vaults and
//     roles exist is nobody's business before a job starts.
//
// The grammar is that of https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_backup_syntax.html;
// where that page and what CreatePolicy was seen to take differ, docs/decisions/0005-backup-policies.md says which holds.
package backuppolicy
