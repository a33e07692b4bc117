package ebs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"

	"strongroom/internal/resource/ebs/ebstest"
)

// A snapshot whose end cannot be written down, as on a full disk, goes on until it can, and its volume can be deleted then.
func TestSnapshotGoesOnUntilItsEndIsWritten(t *testing.T) {
	t.Parallel()
	j := newJobs(t)
	volume := j.volume("").Resource[len("volume/"):]
	exec := func(statement string) {
		if _, err := j.DB.Writer().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TRIGGER full BEFORE UPDATE OF state ON snapshots WHEN NEW.state = 'completed' BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	s := ebstest.Must[awsec2.CreateSnapshotOutput](j.World, j.admin, &awsec2.CreateSnapshotInput{VolumeId: &volume})
	ebstest.Must[awsec2.DeleteVolumeOutput](j.World, j.admin, &awsec2.DeleteVolumeInput{VolumeId: &volume})

	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if got, err := j.Engine.WaitSnapshot(short, *s.SnapshotId); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("nobody works on the snapshot any more, which is %s (%v)", got.State, err)
	}
	exec(`DROP TRIGGER full`)
	got, err := j.Engine.WaitSnapshot(t.Context(), *s.SnapshotId)
	if err != nil || got.State != "completed" {
		t.Fatalf("the snapshot is %s (%v), want completed", got.State, err)
	}
	if v, err := j.Engine.Volume(t.Context(), volume); err == nil {
		t.Errorf("the volume that waited for its snapshot is still there, %s", v.State)
	}
}
