// Package policylint looks at backup policies before they are attached: what is wrong with one ([Lint]), whether the vaults
// and roles that it names exist ([Checker]), and what an account of an organization written down in a file would get
// ([Organization.Account]).
//
// It is a client: what it asks of a server, Strongroom or AWS, it asks through the SDK.
package policylint
