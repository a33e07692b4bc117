// Package environment runs one function in one sandbox through the Lambda Runtime API.
//
// An environment is a process, with what it starts, that asks for invocations one after the other. Its Runtime API and the
// services' endpoint are listeners on its own loopback interface, so that no other environment can answer for it. Between
// invocations its processes are stopped; at the end of its time, or of its memory, they are killed, all of them.
//
// It knows processes and the Runtime API, and nothing of functions' configuration, credentials and logs.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package environment
