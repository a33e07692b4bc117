package dbengine

import (
	"errors"
	"fmt"
	"strings"
)

// ErrWrongPassword is what a database answers to a master user with another password.
var ErrWrongPassword = errors.New("the database does not accept the master user's password")

// NotInstalledError says that this host lacks a program.
type NotInstalledError struct {
	Program string // "mariadbd"
	Package string // the Debian package that has it; "" for a program of this repository
}

func (e *NotInstalledError) Error() string {
	if e.Package == "" {
		return e.Program + " is not installed on this host: make build makes it, and puts it beside strongroom"
	}
	return fmt.Sprintf("%s is not installed on this host: install the Debian package %s", e.Program, e.Package)
}

// StartError says why a database does not start, is not made or is not recovered.
type StartError struct {
	// Reason is short and the same each time for the same cause.
	Reason Reason
	// Detail is what the reason is about: the name of the parameter, the port, the path. It may be empty.
	Detail string
	// LogTail is what the engine wrote last.
	LogTail string
}

func (e *StartError) Error() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Detail
}

// EndError says that a database's process ended though nobody stopped it.
type EndError struct {
	Status  string // "exit status 1", "signal: killed"
	Reason  Reason // ReasonUnknown if the log does not tell
	Detail  string
	LogTail string
}

func (e *EndError) Error() string {
	if e.Reason == ReasonUnknown {
		return "the database's process ended: " + e.Status
	}
	return fmt.Sprintf("the database's process ended (%s): %s", e.Status, (&StartError{Reason: e.Reason, Detail: e.Detail}).Error())
}

// ToolError says that a program of the engine that was to do one thing did not.
type ToolError struct {
	Program string
	Output  string // what it wrote last
	Err     error
}

func (e *ToolError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.Program, e.Err, e.Output[strings.LastIndexByte(e.Output, '\n')+1:])
}

func (e *ToolError) Unwrap() error { return e.Err }

// Reason is a cause for which databases do not start.
type Reason string

// The causes that are told apart. ReasonUnknown stands for all others: the log has more.
const (
	ReasonPortInUse    Reason = "port in use"
	ReasonNoSpace      Reason = "no space left on the device"
	ReasonDamaged      Reason = "damaged data directory"
	ReasonPermission   Reason = "permission denied"
	ReasonBadParameter Reason = "bad parameter"
	ReasonNoMemory     Reason = "not enough memory"
	ReasonVersion      Reason = "data of another version of the engine"
	ReasonTimeout      Reason = "the database did not become ready in time"
	ReasonUnknown      Reason = "the database did not start"
)
