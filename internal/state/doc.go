// Package state is the SQL store of the service: one schema, on SQLite today and written so that PostgreSQL can follow
// with the same statements ($1 placeholders, BIGINT microseconds for times, TEXT for JSON, BYTEA for bytes).
//
// Callers open a transaction with [DB.Update] or [DB.View] and pass it to the methods of [Tx], one statement each, so
// that what is decided and what is enqueued commit together. Each noun has one file and one migration file.
// Transactions must be short, and no other service and no object store is called inside one: there is a single writer.
//
// Errors of the driver become [ErrNotFound] and [ErrExists] here and nowhere else.
package state
