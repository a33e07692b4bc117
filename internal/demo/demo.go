package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/clock"
)

// Options says what the demo works on.
type Options struct {
	ProfilesDir  string // DIR/aws of the server
	HomeRegion   string
	SecondRegion string
	Objects      int    // keys per bucket
	ImageMiB     int    // size of each ext4 image
	Rows         int    // of the database's ledger
	Copier       string // path of the copier's zip, as make lambda makes it
	Out          io.Writer
	Terminal     bool // Out is a terminal
	// Advance moves the service's clock, as strongroom admin clock does.
	Advance func(ctx context.Context, d time.Duration) error
	// Now is the service's clock.
	Now func(ctx context.Context) (time.Time, error)
	// Stored says what the archives hold of each recovery point, by ARN.
	Stored func(ctx context.Context) (map[string]Stored, error)
}

// Stored is what an archive holds of a recovery point.
type Stored struct {
	New    int64 // bytes that were not in the vault before, before compression
	Stored int64 // bytes the vault grew by
}

// Run tells the story and returns an error at the first thing that is not as it must be.
func Run(ctx context.Context, o Options) error {
	v := newView(o.Out, o.Terminal)
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	v.chapter("1. The organization")
	v.line("management %s hands down, member %s holds the data in %s, backup %s keeps the copies in %s", s.management.id, s.member.id, s.member.region, s.vaulted.id, s.vaulted.region)
	copier, err := os.ReadFile(o.Copier)
	if err != nil {
		return fmt.Errorf("reading the copier (make lambda builds it): %w", err)
	}
	now, err := o.Now(ctx)
	if err != nil {
		return err
	}
	if d := beforeLong(now); d > 0 {
		if err := o.Advance(ctx, d); err != nil {
			return err
		}
	}
	if err := s.rollOut(ctx, copier); err != nil {
		return err
	}
	v.line("keys, roles, vaults and their policies are in place")
	v.line("the plans %s, %s and %s came down by a backup policy on the unit %s", planSimple, planCrossed, planSpecial, unitName)
	v.line("the copier waits as a function in %s for what takes two copies", s.first.region)

	v.chapter("2. The data")
	resources, err := s.write(ctx, v, o)
	if err != nil {
		return err
	}

	v.chapter("3. The night")
	if now, err = o.Now(ctx); err != nil {
		return err
	}
	night := nightAfter(now)
	if err := o.Advance(ctx, night.Sub(now)); err != nil {
		return err
	}
	v.line("the clock is moved to %s, when the plans run", night.Format("2006-01-02 15:04 MST"))
	if err := s.watchBackups(ctx, v, resources); err != nil {
		return err
	}
	if err := s.watchCopies(ctx, v, resources); err != nil {
		return err
	}
	if err := s.watchSecondCopies(ctx, v, resources); err != nil {
		return err
	}

	v.chapter("4. The loss")
	for _, r := range resources {
		if err := s.member.lose(ctx, r); err != nil {
			return err
		}
		v.line("%s is deleted", r.title)
	}

	if err := s.recoverAll(ctx, v, resources); err != nil {
		return err
	}

	v.chapter("6. What the vaults hold")
	if err := s.report(ctx, v, o); err != nil {
		return err
	}
	v.chapter(fmt.Sprintf("Every byte came back, three ways, in %s.", clock.Wall.Now().Sub(v.began).Round(100*time.Millisecond)))
	return nil
}

func open(ctx context.Context, o Options) (*solution, error) {
	s := &solution{}
	for _, profile := range []struct {
		to           **account
		name, region string
	}{
		{&s.management, "management", o.HomeRegion},
		{&s.member, "member", o.HomeRegion},
		{&s.first, "backup", o.HomeRegion},
		{&s.vaulted, "backup", o.SecondRegion},
	} {
		a, err := openAccount(ctx, o.ProfilesDir, profile.name, profile.region)
		if err != nil {
			return nil, err
		}
		*profile.to = a
	}
	return s, nil
}

// write makes a bucket and a volume for each of the plans in one step, and a database for the one in two.
func (s *solution) write(ctx context.Context, v *view, o Options) ([]*resource, error) {
	var resources []*resource
	for i, plan := range []string{planSimple, planCrossed} {
		bucket := fmt.Sprintf("share-%s-%s", plan, s.member.id)
		progress := v.bar("write bucket "+bucket, int64(o.Objects), count)
		data, err := fillBucket(ctx, s.member, bucket, plan, s.resourceKey, o.Objects, progress)
		if err != nil {
			return nil, err
		}
		progress.end("objects, " + size(data.bytes) + " in all versions")
		resources = append(resources, &resource{title: "bucket " + bucket, arn: "arn:aws:s3:::" + bucket, plan: plan, data: data})

		dir, err := os.MkdirTemp("", "strongroom-image-")
		if err != nil {
			return nil, err
		}
		image, err := makeImage(ctx, dir, uint64(i)*1000+7, o.ImageMiB)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		if err != nil {
			return nil, err
		}
		progress = v.bar("write volume disk-"+plan, int64(len(image)), size)
		id, err := fillVolume(ctx, s.member, image, plan, s.resourceKey, progress)
		if err != nil {
			return nil, err
		}
		progress.end("ext4 on " + id)
		resources = append(resources, &resource{
			title: "volume disk-" + plan, plan: plan, image: image,
			arn: fmt.Sprintf("arn:aws:ec2:%s:%s:volume/%s", s.member.region, s.member.id, id),
		})
	}
	progress := v.bar("write database "+databaseName, int64(o.Rows), count)
	ledger, err := fillDatabase(ctx, s.member, databaseName, planSpecial, s.resourceKey, o.Rows, progress)
	if err != nil {
		return nil, err
	}
	progress.end("rows in PostgreSQL")
	return append(resources, &resource{title: "database " + databaseName, arn: ledger.arn, plan: planSpecial, ledger: ledger}), nil
}

// recoverAll takes the three ways back.
func (s *solution) recoverAll(ctx context.Context, v *view, resources []*resource) error {
	v.chapter("5a. Restored in the member account from its own vault")
	for _, r := range resources {
		if err := s.member.restore(ctx, v, r, r.local, "restored-"+r.plan+"-"+s.member.id); err != nil {
			return err
		}
	}
	v.chapter("5b. Restored inside the backup account in " + s.vaulted.region)
	for _, r := range resources {
		if r.copy == "" {
			continue
		}
		if err := s.vaulted.restore(ctx, v, r, r.copy, "restored-"+r.plan+"-"+s.vaulted.id); err != nil {
			return err
		}
	}
	v.chapter("5c. Copied back to the member account and restored there")
	for _, r := range resources {
		if r.copy == "" {
			continue
		}
		point, err := s.copyBack(ctx, v, r)
		if err != nil {
			return err
		}
		if err := s.member.restore(ctx, v, r, point, "returned-"+r.plan+"-"+s.member.id); err != nil {
			return err
		}
	}
	return nil
}

// report prints the table of recovery points.
func (s *solution) report(ctx context.Context, v *view, o Options) error {
	stored, err := o.Stored(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{s.resourceKey: "alias/resources", s.memberKey: "alias/member-vault", s.firstKey: "alias/first-vault", s.backupKey: "alias/backup-vault"}
	var rows [][]string
	for _, place := range []struct {
		a     *account
		vault string
	}{{s.member, memberVault}, {s.first, firstVault}, {s.vaulted, backupVault}} {
		points, err := place.a.recoveryPoints(ctx, place.vault)
		if err != nil {
			return err
		}
		for _, p := range points {
			point := aws.ToString(p.RecoveryPointArn)
			kept := stored[point]
			logical := aws.ToInt64(p.BackupSizeInBytes)
			took := "-"
			if p.InitiationDate != nil && p.CompletionDate != nil {
				took = p.CompletionDate.Sub(*p.InitiationDate).Round(10 * time.Millisecond).String()
			}
			dedup := "-"
			if logical > 0 {
				dedup = fmt.Sprintf("%.0f %%", 100*(1-float64(kept.New)/float64(logical)))
			}
			key := aws.ToString(p.EncryptionKeyArn)
			rows = append(rows, []string{
				place.a.name + "/" + place.vault, aws.ToString(p.ResourceType), point[strings.LastIndexAny(point, ":/")+1:],
				key, names[key], size(logical), size(kept.Stored), dedup, took,
			})
		}
	}
	v.table([]string{"VAULT", "TYPE", "RECOVERY POINT", "ENCRYPTION KEY", "ALIAS", "SIZE", "STORED", "DEDUP", "TIME"}, rows)
	return nil
}
