// Package iampolicy is the IAM policy language: it parses policy documents, validates them for the place they are put
// in, and evaluates a request against every policy that applies to it, with an explanation of each decision.
//
// It is pure. It knows no account, no store and no clock: the caller hands over the policies ([Policies]) and the
// request ([Request], with the values of its condition keys) and gets a [Decision]. The same inputs always give the
// same decision, so what an explanation says is what enforcement does.
//
// # How a decision is taken
//
// Every kind of policy is one gate, and the gates are asked in AWS's order
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html):
//
//  1. An explicit Deny in any applicable statement ends the matter.
//  2. Resource control policies, then service control policies: each level from the organization's root down to the
//     account must allow. Service-linked roles pass both, service principals pass the latter.
//  3. The resource's own policy. In the account of the resource, an Allow that names the user or the role session
//     itself, or everyone, is enough; one that names the role still needs the boundary and the session policies; one
//     that names the account only hands the question to identity policies. From another account it is always needed,
//     and never enough. For KMS keys and role trust policies it is needed in the same account too.
//  4. Identity policies, the permissions boundary and the session policies, which must all allow where they exist.
//
// A policy document is immutable once parsed, and safe for any number of goroutines: patterns, networks, numbers and
// dates are compiled by [Parse] and not again.
package iampolicy
