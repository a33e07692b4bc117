// Package delivery brings messages of services to queues, topics, event buses and endpoints: S3's and AWS Backup's
// notifications, what EventBridge's rules send to their targets, what topics send to their subscriptions.
//
// A delivery is decided in the transaction that decides what it tells of, by [Outbox.Put], so it is there exactly if that
// commits, and stays until it was brought or given up. It is brought through the door as the service principal, with the
// source's ARN and account, or as a role: the target's policies decide. An error that may pass is tried again with growing
// pauses, one that will not goes to the dead-letter queue at once. What is brought may be brought twice, if the process dies
// between the target's answer and the removal of the row.
package delivery
