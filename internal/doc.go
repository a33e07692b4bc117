// Package internal has nothing but the test that holds the imports of all packages against the layers of the design.
package internal
