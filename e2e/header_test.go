package e2e

import (
	"os"
	"testing"

	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/work"
)

// Recovery points go when they are to, whatever became of the header of a sealing domain: of their own, without which nothing of them can
// be read, or of another in their vault. And they go for good: nothing of them is there when the header is mended.
func TestADamagedHeaderKeepsNobodyFromGoing(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"garbled": func(path string) error {
			if err := os.Chmod(path, 0o600); err != nil {
				return err
			}
			return os.WriteFile(path, []byte("{"), 0o600)
		},
		"gone": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Scrub: server.Scrub{Rate: "off"}}})
			p := enter(t, s, member, home)
			p.role(t, "jobs", rolePolicies...)
			p.vault(t, "local-vault", p.key(t))
			bucket := p.bucket(t, "the-bucket", "")
			volume := p.volumeARN(p.volume(t, p.key(t), noise(3, blockSize))) // under its own key, so in a domain of its own
			kept := p.backUp(t, "local-vault", bucket)
			going := []string{p.backUp(t, "local-vault", bucket), p.backUp(t, "local-vault", volume)}
			must(s.Admin.Verify(t.Context(), work.VerifyRequest{}))(t, "verifying")
			if headers := archiveFiles(t, s, home, "local-vault", "domains"); len(headers) != 2 {
				t.Fatalf("the vault's domains are %v", headers)
			}
			for _, header := range archiveFiles(t, s, home, "local-vault", "domains") {
				if err := damage(header); err != nil {
					t.Fatal(err)
				}
			}
			for _, point := range going {
				if err := p.deletePoint(t, "local-vault", point); err != nil {
					t.Fatal(err)
				}
			}
			for _, point := range going {
				eventually(t.Context(), t, point+" is gone", func() (bool, error) { return p.gone(t, "local-vault", point), nil })
			}
			if left := archiveFiles(t, s, home, "local-vault", "points"); len(left) != 1 {
				t.Errorf("the archive has %d manifests, want that of the point which was kept: %v", len(left), left)
			}
			report := must(s.Admin.Verify(t.Context(), work.VerifyRequest{Repair: true}))(t, "repairing")
			if report.Damaged() || len(report.Healed) == 0 || len(report.Unknown) > 0 || report.Points != 1 {
				t.Errorf("the repair: %+v", report)
			}
			if got := p.restoreBucket(t, kept, "restored-bucket"); len(got) == 0 {
				t.Error("nothing is restored")
			}
		})
	}
}
