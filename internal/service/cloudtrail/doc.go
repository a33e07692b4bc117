// Package cloudtrail keeps what happened: every management call that passes the door, with who made it, for whom and with
// what answer, and the events that services tell of themselves. [Recorder] writes, [Service] answers LookupEvents.
//
// A record has the form that
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
// documents, without secrets. A call to a resource of another account is recorded in both accounts. Records are kept for
// ninety days of the service's clock.
package cloudtrail
