package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot be measured is refused before anything is made.
func TestFlagsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		verb func(context.Context, []string) error
		args string
		want string
	}{
		{latency, "-calls 0 -time 0s", "-calls"},
		{latency, "-calls -5", "-calls"},
		{latency, "-scale NaN", "scale"},
		{service, "-small -3", "-small"},
		{service, "-scale 0", "scale"},
	} {
		dir := filepath.Join(t.TempDir(), "bench")
		err := test.verb(t.Context(), append(strings.Fields(test.args), "-dir", dir, "-server", "nowhere"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want a word about %s", test.args, err, test.want)
		}
		if made, _ := filepath.Glob(dir); len(made) > 0 {
			t.Errorf("%s: something was made", test.args)
		}
	}
}
