package state_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"strongroom/internal/state"
)

// listed are what a request, a job or the lifecycle asks of tables that grow with every backup: none of it may look at more
// rows than it gives.
var listed = map[string]func(context.Context, *state.Tx) error{
	"points of a vault":         points(state.PointFilter{VaultARN: "v"}, state.Cursor{}),
	"from the middle":           points(state.PointFilter{VaultARN: "v"}, state.Cursor{At: 5, ID: "p"}),
	"of a resource":             points(state.PointFilter{AccountID: "a", Region: "r", ResourceARN: "x"}, state.Cursor{At: 5, ID: "p"}),
	"of a vault and a resource": points(state.PointFilter{VaultARN: "v", ResourceARN: "x"}, state.Cursor{At: 5, ID: "p"}),
	"of a time":                 points(state.PointFilter{VaultARN: "v", CreatedAfter: 3, CreatedBefore: 9}, state.Cursor{}),
	"a point": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.RecoveryPoint(ctx, "p")
		return err
	},
	"the parent of a backup": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.LatestBackup(ctx, "x", "v", "k")
		return err
	},
	"the parent of a copy": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.LatestPoint(ctx, "x", "v", "k")
		return err
	},
	"points to delete": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.PointsToDelete(ctx, 7, 100)
		return err
	},
	"the next to delete": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.NextPointDeletion(ctx)
		return err
	},
	"points to cool": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.PointsToCool(ctx, 7, 100)
		return err
	},
	"the next to cool": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.NextPointCooling(ctx)
		return err
	},
	"backup jobs": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.BackupJobs(ctx, state.JobFilter{AccountID: "a", Region: "r"}, state.Cursor{At: 5, ID: "j"}, 100)
		return err
	},
	"copy jobs": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.CopyJobs(ctx, state.JobFilter{AccountID: "a", Region: "r"}, state.Cursor{At: 5, ID: "j"}, 100)
		return err
	},
	"restore jobs": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.RestoreJobs(ctx, state.JobFilter{AccountID: "a", Region: "r"}, state.Cursor{At: 5, ID: "j"}, 100)
		return err
	},
	"a running job of the resource": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.RunningJob(ctx, "a", "x", "j")
		return err
	},
	"jobs into a vault": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.JobsInto(ctx, "v")
		return err
	},
	"copies ahead": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.CopiesAhead(ctx, state.CopyJob{ID: "j"}, "r")
		return err
	},
	"protected resources": func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.ProtectedResources(ctx, "a", "r", "", "x", 100)
		return err
	},
}

func points(f state.PointFilter, after state.Cursor) func(context.Context, *state.Tx) error {
	return func(ctx context.Context, tx *state.Tx) error {
		_, err := tx.RecoveryPoints(ctx, f, after, 100)
		return err
	}
}

func TestListsFollowAnIndex(t *testing.T) {
	t.Parallel()
	db := open(t)
	for name, ask := range listed {
		plans, err := db.Plans(t.Context(), func(ctx context.Context, tx *state.Tx) error {
			if err := ask(ctx, tx); err != nil && !errors.Is(err, state.ErrNotFound) {
				return err
			}
			return nil
		})
		if err != nil || len(plans) == 0 {
			t.Errorf("%s: %d statements, %v", name, len(plans), err)
		}
		for query, plan := range plans {
			text := strings.Join(plan, "\n  ")
			if strings.Contains(query, "(created_at <") && strings.Contains(query, "ORDER BY") && !strings.Contains(text, "created_at<?") {
				t.Errorf("%s: the list is read from its beginning: %s\n  %s", name, text, query)
			}
			for _, step := range plan {
				if strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" || step == "USE TEMP B-TREE FOR ORDER BY" {
					t.Errorf("%s: %s\n  %s", name, text, query)
					break
				}
			}
		}
	}
}
