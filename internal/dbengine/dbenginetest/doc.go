// Package dbenginetest holds an engine against what [dbengine.Engine] promises: one suite for all engines.
//
// A package of an engine has a TestMain that calls [Main], and a test that calls [Run] with a [Subject]: the engine, and an
// ordinary client of its kind, who keeps a ledger.
package dbenginetest
