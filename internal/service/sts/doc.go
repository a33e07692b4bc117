// Package sts is AWS Security Token Service: it tells callers who they are and lends the rights of roles. It is also
// where credentials of every kind are looked up when a request arrives ([Service.Lookup]), and where services of the
// house assume the roles they were given ([Service.AssumeForService]).
//
// Temporary credentials are kept nowhere. A session token is the sealed description of its session, so any process that
// shares the state's sealing key can open it, and it dies by its own date.
package sts
