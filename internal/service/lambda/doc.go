// Package lambda is the AWS Lambda of the house: functions of the operating-system-only runtimes, which run as processes of
// this host, each in a sandbox (package environment).
//
// A call finds an environment that is idle, or a new one is started, as far as the function's, the account's and the host's
// concurrency allow (pool.go). Environments hold the credentials of a session of the function's role, and are replaced before
// these expire. An asynchronous invocation is a row that is there until the function has taken it or it was given up
// (event.go), so it outlives the process. The packages of code lie below the data directory under their digest (code.go).
//
// https://docs.aws.amazon.com/lambda/latest/api/welcome.html
package lambda
