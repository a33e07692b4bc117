// Package demo is the main job told as a program: an organization of three accounts protects buckets, volumes and a
// database by the plans simple, cross-region and cross-region-special, loses them, and gets every byte back from its own
// vault, inside the backup account in another Region, and by copying back.
//
// It is a client. Everything but the moving of the clock and the look at what the archives store goes through the public
// AWS APIs, by the SDK, with the profiles that the server wrote.
//
//	data.go      what is written, and what must come back
//	solution.go  keys, roles, vaults and their policies in the three accounts
//	database.go  the database: writing it, reading it again
//	copier.go    the function that makes second copies, and what brings it events
//	policy.go    the backup policy that hands the plans down
//	protect.go   the night: the plans run, the copies go out
//	recover.go   the morning: three ways back
//	compare.go   reading everything and comparing every byte
//	view.go      what is printed
package demo
