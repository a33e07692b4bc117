package rules

import (
	"fmt"
	"time"
)

// Windows of a rule or an on-demand job, in minutes.
const (
	DefaultStartWindow      = 480
	DefaultCompletionWindow = 10080
	minStartWindow          = 60
	maxWindow               = 52560000
)

// Windows say how long a job may wait for its start and how long it may take.
type Windows struct{ Start, Completion int64 }

// NewWindows fills the defaults in for what is nil and checks the ranges; the error names the field.
func NewWindows(start, completion *int64) (Windows, error) {
	w := Windows{DefaultStartWindow, DefaultCompletionWindow}
	if start != nil {
		w.Start = *start
		if w.Start < minStartWindow || w.Start > maxWindow {
			return w, fmt.Errorf("StartWindowMinutes must be between %d and %d", minStartWindow, maxWindow)
		}
	}
	if completion != nil {
		w.Completion = *completion
		if w.Completion < minStartWindow || w.Completion > maxWindow {
			return w, fmt.Errorf("CompletionWindowMinutes must be between %d and %d", minStartWindow, maxWindow)
		}
	}
	return w, nil
}

// StartBy is when a job created at a time must have started.
func (w Windows) StartBy(created time.Time) time.Time {
	return created.Add(time.Duration(w.Start) * time.Minute)
}

// CompleteBy is when a job that the window began for at a time must be done. An on-demand job's window begins when the
// job is created, a plan's when the job starts.
func (w Windows) CompleteBy(begin time.Time) time.Time {
	return begin.Add(time.Duration(w.Completion) * time.Minute)
}
