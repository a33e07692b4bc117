// Package model is the protocol by which writers, collections and deletions share a vault, as a machine small enough to be
// tried in every order: each step is one operation of the store, processes can die at each and sleep before each, and their
// clocks differ. [Explore] goes through all that can happen and finds whether a recovery point that was acknowledged ever
// loses its content. The archive's FORMAT.md, "Why collection is safe", says in words what is tried here; the code is
// package archive's. One blob is enough: it lies in a pack that a first recovery point reaches, or in others that writers and
// collections make, and every recovery point that is written holds it.
package model
