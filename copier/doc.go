// Package copier makes the second hop of copies that take two: AWS Backup copies a recovery point into an intermediate vault
// of the backup account, and the copier copies it on into the final vault of another Region, once. It is a client of AWS
// Backup and SQS, runs at AWS and on Strongroom, and keeps no state of its own: the copy jobs and recovery points that AWS
// Backup lists are the ledger.
//
// [Copier.Handle] takes one message of a queue, whose body is an event of EventBridge, and says what is to become of it.
// [Copier.Reconcile] finds the hops that no event told of. [Poller] reads a queue for those who run the copier as a process.
//
// Why a hop is made once although events come twice, late and out of order, and copiers run side by side, docs/copier.md argues.
package copier
