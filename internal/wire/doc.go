// Package wire is the HTTP front of the house: it takes the requests of all services on one port, verifies their
// signatures, finds out which operation they are, turns them into the SDK's input structs, lets them through the
// [api.Door], and answers in the protocol's own form, errors included.
//
// The life of a request:
//
//   - handler.go: a request id, the health page, then the steps below
//   - authenticate.go: the signature is parsed, its secret looked up, the signature verified (package sigv4); the
//     credential scope names the service and the Region
//   - dispatch.go, route.go, host.go: the operation is found, by target, Action or path
//   - body.go: the body is read, or wrapped so that reading it to its end verifies it
//   - package codec fills the input, by the facts of package model; validate.go checks it
//   - the door authorizes, runs and records the call
//   - respond.go or errors.go writes the answer
//
// Adding an operation needs nothing here: a row in its service's table and a Go method. Adding a service needs a file
// of facts in package model.
package wire
