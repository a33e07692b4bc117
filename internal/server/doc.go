// Package server wires the services into one process: it reads the configuration, opens the state and the stores,
// constructs each service, and serves them on one port. It is plain code in the order in which things depend on each
// other; there is no registry that fills itself.
package server
