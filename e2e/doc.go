// Package e2e tests the built program from outside, as its users run it: the tour of README.md, the demo, and a server
// that is killed again and again.
package e2e
