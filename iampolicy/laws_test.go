package iampolicy

import (
	"strings"
	"testing"
)

// checkExplanation holds what is true of every decision: its parts agree with each other.
func checkExplanation(t *testing.T, r Request, d Decision) {
	t.Helper()
	denied := false
	for _, g := range d.Gates {
		denied = denied || g.Outcome == Denies
		if (g.By == nil) != (g.Outcome == Silent) {
			t.Errorf("gate %s %s, by %v", g.Gate, g.Outcome, g.By)
		}
	}
	if d.Allowed != (d.Reason == Allowed) || denied != (d.Reason == ExplicitDeny) || (d.By == nil) != (d.Reason == ImplicitDeny) {
		t.Errorf("allowed %t, reason %s, by %v, a gate denies: %t", d.Allowed, d.Reason, d.By, denied)
	}
	if d.By != nil && (d.By.Gate != d.Gate || d.Allowed != (d.By.Effect == Allow)) {
		t.Errorf("decided by %+v at gate %s, allowed %t", d.By, d.Gate, d.Allowed)
	}
	if d.Allowed != (d.Message(r) == "") {
		t.Errorf("allowed %t with the message %q", d.Allowed, d.Message(r))
	}
	first, _, _ := strings.Cut(d.Explain(), "\n")
	if d.Allowed != strings.HasPrefix(first, "allowed by ") || d.By != nil && !strings.HasSuffix(first, d.By.String()) {
		t.Errorf("the explanation %q does not fit %+v", first, d)
	}
}
