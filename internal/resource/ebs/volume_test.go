package ebs_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"strongroom/internal/resource"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/resource/ebs/ebstest"
	"strongroom/internal/state"
)

// A volume that could not be filled is told of as such, with the reason, to everybody who waits for it: those who come while it is being
// filled, those who come as it fails, and those who come later. A restore is over then.
func TestVolumeThatCannotBeFilled(t *testing.T) {
	t.Parallel()
	j := newJobs(t)
	p, _ := j.backup(j.volume(""), "job-1", "", "")
	if err := j.DB.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.SQL().ExecContext(ctx, `UPDATE snapshots SET point = 'nowhere'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var final resource.Final
	var failed *ebs.VolumeError
	for _, when := range []string{"that fills it", "that comes later"} {
		if restored, err := j.restore(p, "restore-1", map[string]string{"availabilityZone": ebstest.Region + "a"}); !errors.As(err, &final) || !errors.As(final.Err, &failed) || !strings.Contains(failed.Reason, "nowhere") {
			t.Fatalf("a restore %s ends with %v, %v", when, restored, err)
		}
	}
	for range 20 {
		if err := j.DB.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
			return tx.SetVolumeState(ctx, failed.ID, "error", "creating")
		}); err != nil {
			t.Fatal(err)
		}
		var waiting sync.WaitGroup
		for range 8 {
			waiting.Go(func() {
				if err := j.Engine.WaitVolume(t.Context(), failed.ID, nil); !errors.As(err, new(*ebs.VolumeError)) {
					t.Errorf("somebody who waits for it is told %v", err)
				}
			})
		}
		waiting.Wait()
	}
}
