package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/google/go-cmp/cmp"

	"strongroom/archive"
	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
	"strongroom/internal/work"
	"strongroom/rules"
)

// archiveFiles lists the files of a vault's archive below a folder, the largest last.
func archiveFiles(t *testing.T, s *strongroomtest.Server, region, vault, folder string) (paths []string) {
	t.Helper()
	sizes := map[string]int64{}
	root := filepath.Join(s.Dir, "regions", region, "archive", "vaults", "111111111111", vault, folder)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		sizes[path] = info.Size()
		at := 0
		for at < len(paths) && sizes[paths[at]] <= info.Size() {
			at++
		}
		paths = append(paths[:at], append([]string{path}, paths[at:]...)...)
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has %d files: %v", root, len(paths), err)
	}
	return paths
}

// flipBit changes a bit of a file, as a disk may.
func flipBit(t *testing.T, path string, at int) {
	t.Helper()
	data := must(os.ReadFile(path))(t, "reading a pack")
	data[at] ^= 1
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsFoundToldAndMended damages the vault that two resources are backed up in, whose recovery points were copied into
// another Region: verification names them, restores fail and say why, repair takes what is lost from the copies, and restores
// bring back what was backed up.
func TestDamageIsFoundToldAndMended(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Scrub: server.Scrub{Rate: "off"}}})
	ctx := t.Context()
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.linked(t)
	key := p.key(t)
	p.vault(t, "local-vault", key)
	far := p.in(north)
	destination := far.vault(t, "far-vault", far.key(t))
	image := noise(9, 2*blockSize)
	bucket, volume := p.bucket(t, "decaying-bucket", ""), p.volumeARN(p.volume(t, key, image))
	objects := p.objects(t, "decaying-bucket")
	points := []string{p.backUp(t, "local-vault", bucket), p.backUp(t, "local-vault", volume)}
	for _, point := range points {
		p.copyTo(t, point, "local-vault", destination)
	}
	whole := must(s.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying")
	if whole.Damaged() || len(whole.Unknown) > 0 || whole.Packs == 0 {
		t.Fatalf("nothing was done and it is found: %+v", whole)
	}
	// Seven sevenths are everything.
	var packs int
	for part := range 7 {
		packs += must(s.Admin.Verify(ctx, work.VerifyRequest{Subset: archive.Subset{Part: part + 1, Of: 7}}))(t, "verifying a part").Packs
	}
	if packs != whole.Packs {
		t.Errorf("the parts have %d packs and the whole %d", packs, whole.Packs)
	}
	if again := must(s.Admin.Verify(ctx, work.VerifyRequest{Since: 1 << 50}))(t, "verifying what is due"); again.Packs != 0 {
		t.Errorf("%d packs were read again that were just read", again.Packs)
	}

	for _, path := range archiveFiles(t, s, home, "local-vault", "packs") { // each is of content or of nodes; a bit of the first blob
		flipBit(t, path, 60)
	}
	found := must(s.Admin.Verify(ctx, work.VerifyRequest{}))(t, "verifying what is damaged")
	touched := map[string]bool{}
	for _, d := range found.Damage {
		for _, point := range d.Points {
			touched[point] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{points[0]: true, points[1]: true}, touched); diff != "" {
		t.Errorf("recovery points named (-want +got):\n%s\n%+v", diff, found.Damage)
	}
	status := must(s.Admin.VerifyStatus(ctx))(t, "asking for the state")
	shown := map[string]int{}
	for _, a := range status {
		shown[a.Archive] = len(a.Last.Damage)
	}
	if shown[p.vaultARN("local-vault")] != len(found.Damage) || shown[destination] != 0 {
		t.Errorf("the state is %+v", status)
	}
	var metrics bytes.Buffer
	status.Metrics(&metrics)
	if !strings.Contains(metrics.String(), `strongroom_archive_packs_damaged{archive="`+p.vaultARN("local-vault")+`"} `) {
		t.Errorf("the metrics are %s", metrics.String())
	}
	for i, point := range points {
		described := p.point(t, "local-vault", point)
		if described.Status != backuptypes.RecoveryPointStatusCompleted || aws.ToString(described.StatusMessage) != rules.DamagedPoint {
			t.Errorf("%s is %s: %s", point, described.Status, aws.ToString(described.StatusMessage))
		}
		job := p.restoreJob(t, point, p.metadata(point, "damaged-bucket"))
		message := aws.ToString(job.StatusMessage)
		if job.Status != backuptypes.RestoreJobStatusFailed || !strings.Contains(message, "damaged") {
			t.Errorf("the restore of %s is %s: %s", point, job.Status, message)
		}
		t.Logf("resource %d: %s", i, message)
	}

	mended := must(s.Admin.Verify(ctx, work.VerifyRequest{Repair: true, Vault: "local-vault"}))(t, "repairing")
	if mended.Damaged() || len(mended.Healed) == 0 || len(mended.Failed) > 0 {
		t.Fatalf("the repair: %+v", mended)
	}
	for _, point := range points {
		if message := p.point(t, "local-vault", point).StatusMessage; aws.ToString(message) != "" {
			t.Errorf("%s is well and says %s", point, *message)
		}
	}
	if diff := cmp.Diff(objects, p.restoreBucket(t, points[0], "mended-bucket")); diff != "" {
		t.Errorf("restored objects (-want +got):\n%s", diff)
	}
	if !bytes.Equal(p.restoreVolume(t, points[1]), image) {
		t.Error("the volume is restored as something else")
	}

	// A manifest that is gone leaves no trace in the archive; the catalogue misses it. A sealing domain's header is kept.
	for _, folder := range []string{"points", "domains", "index"} {
		for _, path := range archiveFiles(t, s, home, "local-vault", folder) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lost := must(s.Admin.Verify(ctx, work.VerifyRequest{Vault: "local-vault"}))(t, "verifying what is gone"); len(lost.Damage) < 2 {
		t.Errorf("all manifests are gone, and found is %+v", lost.Damage)
	}
	if mended = must(s.Admin.Verify(ctx, work.VerifyRequest{Repair: true, Vault: "local-vault"}))(t, "repairing"); mended.Damaged() {
		t.Fatalf("the second repair: %+v", mended)
	}
	if diff := cmp.Diff(objects, p.restoreBucket(t, points[0], "again-mended-bucket")); diff != "" {
		t.Errorf("restored objects (-want +got):\n%s", diff)
	}
}

// TestScrubFindsDamage runs the server with a quick scrub: it finds by itself what a disk has changed.
func TestScrubFindsDamage(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Scrub: server.Scrub{Rate: "1GB/s", Every: "6s"}}})
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	point := p.backUp(t, "local-vault", p.bucket(t, "scrubbed-bucket", ""))
	packs := archiveFiles(t, s, home, "local-vault", "packs")
	flipBit(t, packs[len(packs)-1], 60)
	eventually(t.Context(), t, "the scrub to find the damage", func() (bool, error) {
		return aws.ToString(p.point(t, "local-vault", point).StatusMessage) == rules.DamagedPoint, nil
	})
	eventually(t.Context(), t, "a metric to tell of the damage", func() (bool, error) {
		status := must(s.Admin.VerifyStatus(t.Context()))(t, "asking for the state of verification")
		var metrics bytes.Buffer
		status.Metrics(&metrics)
		want := `strongroom_archive_packs_damaged{archive="` + p.vaultARN("local-vault") + `"} 1`
		return strings.Contains(metrics.String(), want), nil
	})
}

// slowlyScrubbed is a server whose scrub has begun to read the packs of two recovery points, and how many packs there are.
func slowlyScrubbed(t *testing.T) (s *strongroomtest.Server, packs int) {
	t.Helper()
	s = strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Scrub: server.Scrub{Rate: "off"}}})
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	bucket := p.bucket(t, "scrubbed-bucket", "")
	for _, key := range []string{"one", "two"} {
		p.put(t, "scrubbed-bucket", key, noise(uint64(key[0]), 460<<10))
		p.backUp(t, "local-vault", bucket)
	}
	packs = len(archiveFiles(t, s, home, "local-vault", "packs"))
	// A pass is due each ten seconds, the first one when all packs are there. The first pack is read at one go, as it has less than 512 KiB,
	// and so at once; the last one has its turn when the scrub has paid for the others, which takes minutes more than this test waits.
	s = restart(t, s, server.Config{Scrub: server.Scrub{Rate: "1KB/s", Every: "300s"}})
	eventually(t.Context(), t, "the scrub to read something", func() (bool, error) { return len(packsRead(t, s.Dir)) > 0, nil })
	return s, packs
}

// TestScrubGoesOn stops the server in the middle of a slow scrub: the next one goes on with what was not read.
func TestScrubGoesOn(t *testing.T) {
	t.Parallel()
	s, packs := slowlyScrubbed(t)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := packsRead(t, s.Dir)
	if len(before) >= packs {
		t.Fatalf("a scrub of a thousand bytes a second has read %d of %d packs", len(before), packs)
	}
	s = strongroomtest.New(t, strongroomtest.Options{Config: server.Config{DataDir: s.Dir, Scrub: server.Scrub{Rate: "1GB/s", Every: "300s"}}})
	eventually(t.Context(), t, "the scrub to read the rest", func() (bool, error) { return len(packsRead(t, s.Dir)) == packs, nil })
	after := packsRead(t, s.Dir)
	for pack, at := range before {
		if after[pack] != at {
			t.Errorf("the pack %s was read before the restart, and again after it", pack)
		}
	}
}

// TestTheScrubGivesWay: who has the archives verified does not wait for a scrub that takes a quarter of an hour here, and days elsewhere.
func TestTheScrubGivesWay(t *testing.T) {
	t.Parallel()
	s, packs := slowlyScrubbed(t)
	if read := packsRead(t, s.Dir); len(read) >= packs {
		t.Fatalf("a scrub of a thousand bytes a second has read %d of %d packs", len(read), packs)
	}
	soon, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if report := must(s.Admin.Verify(soon, work.VerifyRequest{Repair: true}))(t, "verifying beside the scrub"); report.Damaged() || report.Packs < packs {
		t.Errorf("beside the scrub a verification finds %+v", report)
	}
}

// An archive that cannot be read is said to be so, and keeps neither a verification nor a collection from the others.
func TestAnUnreadableArchiveIsAlone(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	bucket := p.bucket(t, "two-vaults-bucket", "")
	for _, vault := range []string{"a-vault", "b-vault"} {
		p.vault(t, vault, p.key(t))
		p.backUp(t, vault, bucket)
	}
	all := must(s.Admin.Verify(t.Context(), work.VerifyRequest{}))(t, "verifying").Archives
	for _, header := range archiveFiles(t, s, home, "a-vault", "domains") { // a link to itself is no damage: nobody knows what lies there
		if err := errors.Join(os.Remove(header), os.Symlink(header, header)); err != nil {
			t.Fatal(err)
		}
	}
	collected := must(s.Admin.Collect(t.Context()))(t, "collecting")
	if collected.Archives != all-1 || collected.Unread() != 1 || collected.Skipped[0].Archive != p.vaultARN("a-vault") {
		t.Errorf("of %d archives with one that cannot be read: %+v", all, collected)
	}
	report := must(s.Admin.Verify(t.Context(), work.VerifyRequest{}))(t, "verifying")
	if report.Damaged() || report.Unread() != 1 || report.Points < 1 {
		t.Errorf("of %d archives with one that cannot be read: %+v", all, report)
	}
	if report := must(s.Admin.Verify(t.Context(), work.VerifyRequest{Vault: "b-vault"}))(t, "verifying the other"); report.Unread() > 0 || report.Points != 1 {
		t.Errorf("the other vault: %+v", report)
	}
}

// TestScrubAfterAWrongClock has the state say that all was read in years to come, as after a start with a clock that was wrong: the
// scrub does not wait for them.
func TestScrubAfterAWrongClock(t *testing.T) {
	t.Parallel()
	config := server.Config{Scrub: server.Scrub{Rate: "1GB/s", Every: "6s"}}
	s := strongroomtest.New(t, strongroomtest.Options{Config: config})
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	point := p.backUp(t, "local-vault", p.bucket(t, "scrubbed-bucket", ""))
	packs := archiveFiles(t, s, home, "local-vault", "packs")
	eventually(t.Context(), t, "the scrub to read all", func() (bool, error) { return len(packsRead(t, s.Dir)) == len(packs), nil })
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := time.Now().AddDate(10, 0, 0).UnixMicro()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(s.Dir, "state.db")))(t, "opening the state")
	must(db.ExecContext(t.Context(), `UPDATE archive_packs SET read_at = ?`, later))(t, "changing when packs were read")
	must(db.ExecContext(t.Context(), `UPDATE archive_verifications SET ended_at = ?`, later))(t, "changing when archives were verified")
	must(db.ExecContext(t.Context(), `UPDATE settings SET value = ? WHERE name = 'scrub.last'`, big.NewInt(later).FillBytes(make([]byte, 8))))(t, "changing when the last scrub was")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	flipBit(t, packs[len(packs)-1], 60)
	config.DataDir = s.Dir
	s = strongroomtest.New(t, strongroomtest.Options{Config: config})
	p = enter(t, s, member, home)
	eventually(t.Context(), t, "the scrub to find the damage", func() (bool, error) {
		return aws.ToString(p.point(t, "local-vault", point).StatusMessage) == rules.DamagedPoint, nil
	})
}

// packsRead tells when packs were last read.
func packsRead(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db")+"?mode=ro&_pragma=busy_timeout(5000)"))(t, "opening the state")
	defer db.Close()
	rows := must(db.QueryContext(t.Context(), `SELECT pack, read_at FROM archive_packs`))(t, "reading")
	defer rows.Close()
	read := map[string]int64{}
	for rows.Next() {
		var pack string
		var at int64
		if err := rows.Scan(&pack, &at); err != nil {
			t.Fatal(err)
		}
		read[pack] = at
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return read
}

// The header of a sealing domain is lost before anything was verified: a repair brings it back.
func TestALostHeaderComesBack(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t, strongroomtest.Options{Config: server.Config{Scrub: server.Scrub{Rate: "off"}}})
	p := enter(t, s, member, home)
	p.role(t, "jobs", rolePolicies...)
	p.vault(t, "local-vault", p.key(t))
	bucket := p.bucket(t, "the-bucket", "")
	point := p.backUp(t, "local-vault", bucket)
	headers := archiveFiles(t, s, home, "local-vault", "domains")
	if err := os.Remove(headers[0]); err != nil {
		t.Fatal(err)
	}
	report := must(s.Admin.Verify(t.Context(), work.VerifyRequest{Repair: true}))(t, "repairing")
	if report.Damaged() || len(report.Healed) == 0 {
		t.Fatalf("it is not mended: %+v", report)
	}
	if got := p.restoreBucket(t, point, "restored-bucket"); len(got) == 0 {
		t.Error("nothing is restored")
	}
	p.backUp(t, "local-vault", bucket)
}
