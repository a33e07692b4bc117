// Package e2e tests the service whole, as its users see it. The built program runs the tour of README.md, the demo, and a
// server that is killed again and again. Scenarios speak to a server in the test's own process through the SDK alone, and
// move its clock: who can do what to whose resources, which key seals what, and what each job says when it cannot.
package e2e
