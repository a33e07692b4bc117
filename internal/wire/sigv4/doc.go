// Package sigv4 verifies AWS Signature Version 4: in the Authorization header, in the query of a presigned URL, and
// over the chunks of a streamed body. It knows no secrets and no services: the caller looks the secret up between
// [Parse] and [Signature.Verify].
//
// The rules are those of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html.
package sigv4
