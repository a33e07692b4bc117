// Package backupevent tells EventBridge, as AWS Backup does, what becomes of jobs, recovery points, vaults, plans and
// settings: the events of source aws.backup on the default bus of an account and Region. Their fields are those of
// https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html, with that page's differences between the kinds
// of jobs. AWS looks for changes every five minutes; here an event is put in the transaction that makes the change, so that
// it is there exactly if the change is.
package backupevent
