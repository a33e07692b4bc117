// Package backup is AWS Backup's API: vaults, plans, selections, recovery points, jobs, settings.
//
// It decides what can be decided at once and answers; what takes longer (backups, copies, restores, removals) it writes
// down as a row and enqueues in the same transaction ([Queue]), for package work to do. As in AWS, much of what can go
// wrong with a job is told by the job and not by the call that started it: roles that cannot be assumed, vault locks,
// the organization's gates, keys.
//
// Everything is kept per account and Region. A vault's access policy is asked beside the caller's own; from another
// account nothing but copying into a vault is ever possible, whatever the policy says.
package backup
