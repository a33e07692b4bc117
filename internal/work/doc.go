// Package work does what takes longer than a request: backup, copy and restore jobs, the removal of recovery points,
// schedules, lifecycles and the collection of garbage in the archives. Jobs are durable ([Queue]): a job is enqueued in
// the transaction that decides it, survives a crash, and is tried again where the cause of failure may pass.
//
// # The life of a backup
//
// schedule.go finds that a rule of a plan is due, or service/backup takes a StartBackupJob; either inserts the job's
// row and enqueues it in one transaction. backup.go takes it up: it waits until no other job runs on the resource,
// assumes the job's role (identity.go), lets the resource's kind describe it, opens the sealing domain (keys.go) under
// the vault's key or the resource's, whichever rules.SealingKey says, and lets the kind read what changed since the
// last recovery point of the same domain into the archive. The archive's manifest is the commit point there; the
// transaction that then makes the recovery point known and completes the job also inserts and enqueues the copy jobs.
//
// # The life of a copy
//
// copy_facts.go gathers every fact, what the policies of both vaults say to the job's role among them; rules.CopyGates
// decides over them, and the job keeps what each gate said ([state.Tx.SetCopyJobTrail]). copy.go then opens the source as the one who must be able to: across accounts that is the destination's service-linked role, by a grant on
// the source's key that is retired afterwards. The archive re-keys chunk by chunk; only what is new moves.
//
// # The life of a restore
//
// restore.go opens the recovery point (fully managed kinds through the vault's grant, others as the job's role, which
// needs the key) and lets the kind bring it back as that role.
//
// Whatever is done for a principal is done through the door (package api): authorized as that principal and recorded.
package work
