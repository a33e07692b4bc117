// Package s3store is an [archive.Store] in a bucket of S3, or of a service that speaks its API.
//
// Beside what gocloud.dev/blob offers, which [archive.Bucket] is made of, it stores a pack by one request instead of six,
// removes up to a thousand objects by one, tries again what failed in passing, and takes no answer for good that is
// shorter than it says. What such a store costs is requests and their latency, so it tells the archive how many it takes
// at once ([Store.Parallel]).
package s3store
