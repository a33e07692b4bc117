package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the demo on a smaller data set; its exit status tells whether every byte came back.
func TestDemo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	demo := exec.CommandContext(ctx, binary(t), "demo", "--objects", "400", "--image", "32", "--rows", "20000")
	demo.WaitDelay = time.Minute // for its databases, which have its output open
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, out)
	}
	for _, want := range []string{
		"5a. Restored in the member account", "5b. Restored inside the backup account in eu-north-1", "5c. Copied back",
		"all versions equal", "all bytes equal", "rows, all equal", "second copy", "arn:aws:kms:eu-north-1:222222222222:key/", "Every byte came back",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not say %q:\n%s", want, out)
		}
	}
}
