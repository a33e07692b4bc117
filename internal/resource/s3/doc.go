// Package s3 is the S3 kind of protected resource: it backs up buckets with all versions of their objects and delete
// markers, and restores them.
//
// Everything it reads and writes of a bucket goes through the operations of the S3 service as the job's role, so that
// the role's policies, the bucket's and KMS decide the same as over HTTP. An incremental backup lists the bucket, lays
// the listing beside the parent recovery point and reads what is new or changed.
//
// An entry of the archive is a version. Its key is the object's key, a zero byte, the time of the version's making in
// microseconds as eight bytes, and the version's id: in the archive's order the versions of an object follow one another
// from the oldest to the newest, and keep their places from backup to backup. Its metadata is the JSON of [version].
package s3
