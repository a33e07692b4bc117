// Package rds runs the fleet of databases that stand behind the DB instances and DB clusters of RDS, and keeps their
// snapshots. It knows databases as rows of package state, runs the engines of package dbengine, and stores snapshots in the
// archives. RDS's API is a skin over it, and so are the kinds of protected resources.
//
// A database is one data directory and one server process of this host. Its row says what there is of it (its phase), what it
// is wanted to be, and its status, in RDS's words. Whoever wants something writes it into the row, and calls [Fleet.Tend]
// after the commit; the database's keeper, a goroutine, does it, step by step, each of which can be done again:
//
//   - new: the engine makes the directory afresh, and the row is ready;
//   - filling: the directory is filled from an archive point, the engine recovers it, and the row is ready;
//   - wanted running: the key is asked of KMS, the process is started, and watched; when it ends it is started again, after a
//     failure with growing pauses, and the status says why it does not run, until it does;
//   - wanted stopped: the process is stopped;
//   - wanted deleted: snapshots that are being taken are waited for, then process, directory, grant and rows go.
//
// After a restart of the server [Fleet.Start] gives each row its keeper again, which goes on from where the row stands. That is
// all there is of recovery: a step that was cut short is done again.
//
// A snapshot is a point of kind Objects in an archive domain, with an entry for each file in the order in which the engine's own
// online backup gave them, cut by content: what did not change since an earlier snapshot in the same domain is not stored again.
// RDS's own snapshots lie in an archive per account and Region, AWS Backup's recovery points in that of their vault; a row of
// db_snapshots says which. The row is there (creating, copying) before the content is, so that a crash leaves something to go
// on from: a snapshot is taken, or copied, anew under the same point.
package rds
