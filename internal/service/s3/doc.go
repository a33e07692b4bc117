// Package s3 is the S3 service: buckets of accounts and Regions, objects with their versions, multipart uploads, and the
// encryption of every byte at rest.
//
// What is known about an object is a row in package state; its content is a file below the Region's directory, sealed in
// segments under a data key of its own. The row is the commit point: the file is written and synced first, and a file
// without a row is removed at the next start. Parallel changes share one transaction; see [committer].
//
// The package knows nothing of HTTP: its operations take and give the SDK's structs and pass the door of package api.
package s3
