// Package rules says what AWS Backup allows, as pure functions over facts: which resource types can do what and since
// when, which key seals a recovery point, which copies are refused and why, what a lifecycle, a vault lock, a schedule
// and a resource selection mean.
//
// A decision is taken as of a date ([AsOf]), because AWS changes its rules. A decision that says no returns a [Refusal]
// with AWS's own words, the cause, and a fix that a machine can apply, so that the service which refuses and the
// operator who asks in advance tell the same story.
//
// The package reads nothing and knows no clock, no database and no AWS SDK.
package rules
