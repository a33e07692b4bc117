package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/state"
	"strongroom/rules"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	refusal := &rules.Refusal{Message: "There are too many copy jobs running for resource.", Category: rules.ConcurrentJob}
	for _, test := range []struct {
		name  string
		err   error
		cause error // of the job's context having ended
		try   try
		want  outcome
		again bool
	}{
		{name: "a refusal is final", err: fmt.Errorf("copying: %w", refusal), want: outcome{state.JobFailed, refusal.Message, rules.ConcurrentJob}},
		{name: "so is what a service answers", err: api.Errorf("NoSuchBucket", "The specified bucket does not exist"), want: outcome{state.JobFailed, "The specified bucket does not exist", rules.ResourceNotFound}},
		{name: "an error without a message shows its code", err: &api.Error{Code: "AccessDenied"}, want: outcome{state.JobFailed, "AccessDenied", rules.Category("AccessDenied")}},
		{name: "a fault of a service may pass", err: api.Errorf("InternalFailure", "").WithStatus(http.StatusInternalServerError), again: true},
		{name: "a full disk may pass", err: io.ErrShortWrite, again: true},
		{name: "but not for ever", err: io.ErrShortWrite, try: try{last: true}, want: outcome{state.JobFailed, "Backup job encountered a fatal error. Internal failure: short write", rules.FatalError}},
		{name: "damage is read again", err: fmt.Errorf("reading: %w", archive.ErrDamaged), again: true},
		{name: "and is final", err: archive.ErrDamaged, try: try{again: true}, want: outcome{state.JobFailed, "Backup job encountered a fatal error. Internal failure: damaged", rules.FatalError}},
		{name: "a full disk may pass at any try", err: io.ErrShortWrite, try: try{again: true}, again: true},
		{name: "the process stops", err: io.ErrShortWrite, cause: context.Canceled, try: try{last: true}, again: true},
		{name: "the user stopped the job", err: context.Canceled, cause: errStopped, want: outcome{state.JobAborted, "Backup job was stopped by user.", ""}},
		{name: "the completion window closed", err: context.Canceled, cause: errExpired, want: outcome{state.JobExpired, "Backup job expired before completion.", rules.JobExpired}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if test.cause != nil {
				cancel(test.cause)
			}
			got, err := judge(ctx, test.err, "Backup", test.try)
			if again := err != nil; again != test.again || again && !errors.Is(err, test.err) {
				t.Fatalf("judge returned the error %v to try again for; want one: %t", err, test.again)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
