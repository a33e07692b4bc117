package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// A crowd is one kind of thing of which there are very many.
type crowd struct {
	noun string
	most int
	// prepare makes what the things up to count need.
	prepare func(ctx context.Context, p *peer, count int) error
	add     func(ctx context.Context, p *peer, n int) error
	calls   func(p *peer, count int, marker string) []request
	// halfway gives the marker that continues a list in the middle.
	halfway func(ctx context.Context, p *peer, count int) (string, error)
}

const (
	pageSize   = 100
	manyBucket = "bench-many"
)

// many measures lists and lookups among a thousandth of what is asked for, then among all of it: flat is when the figures
// stay the same.
func (r *requestRun) many(ctx context.Context, p *peer) error {
	for _, c := range []crowd{vaultCrowd(r.vaults), roleCrowd(r.roles), keyCrowd(r.keys)} {
		there := 0
		for _, count := range []int{max(2*pageSize, c.most/1000), c.most} {
			if c.most == 0 {
				continue
			}
			if err := r.fill(ctx, p, c, there, count); err != nil {
				return fmt.Errorf("making %s: %w", c.noun, err)
			}
			there = count
			marker, err := c.halfway(ctx, p, count)
			if err != nil {
				return err
			}
			for _, call := range c.calls(p, count, marker) {
				l, err := load(ctx, p, call, r.clients, r.length)
				if err != nil {
					return fmt.Errorf("%s among %d %s: %w", call.name, count, c.noun, err)
				}
				r.plenty = append(r.plenty, []string{
					call.name, fmt.Sprintf("%d %s", count, c.noun), fmt.Sprintf("%.0f", l.rate()),
					millis(l.percentile(50)), millis(l.percentile(99)), micros(l.cpuPerRequest()),
				})
			}
		}
	}
	return nil
}

// fill makes the things from there on, in an order that has nothing to do with their names.
func (r *requestRun) fill(ctx context.Context, p *peer, c crowd, there, count int) error {
	r.say("making %s up to %d", c.noun, count)
	if c.prepare != nil {
		if err := c.prepare(ctx, p, count); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	next := atomic.Int64{}
	next.Store(int64(there))
	for range 4 * r.clients {
		group.Go(func() error {
			for {
				n := int(next.Add(1) - 1)
				if n >= count {
					return nil
				}
				if err := c.add(ctx, p, n); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// shuffled gives n of many another place, each its own: the numbers run through a multiplication modulo a prime.
func shuffled(n int) int { return (n + 1) * 7_368_787 % 15_485_863 }

func numbered(prefix string, n int) *string {
	return aws.String(fmt.Sprintf("%s-%08d", prefix, shuffled(n)))
}

// vaultsPerKey are as many vaults as an account has in a Region at most: each makes a grant on its key.
const vaultsPerKey = 300

func vaultCrowd(most int) crowd {
	var keys []string
	return crowd{
		noun: "vaults", most: most,
		prepare: func(ctx context.Context, p *peer, count int) error {
			for len(keys)*vaultsPerKey < count {
				key, err := p.kms.CreateKey(ctx, &kms.CreateKeyInput{})
				if err != nil {
					return err
				}
				keys = append(keys, aws.ToString(key.KeyMetadata.Arn))
			}
			return nil
		},
		add: func(ctx context.Context, p *peer, n int) error {
			_, err := p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: numbered("many", n), EncryptionKeyArn: &keys[n/vaultsPerKey]})
			return err
		},
		halfway: func(ctx context.Context, p *peer, count int) (token string, err error) {
			var next *string
			for seen := 0; seen < count/2; {
				out, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{NextToken: next, MaxResults: aws.Int32(int32(min(1000, count/2)))}) //nolint:gosec // at most a page
				if err != nil {
					return "", err
				}
				next, seen = out.NextToken, seen+len(out.BackupVaultList)
				if next == nil {
					return "", fmt.Errorf("the list ends after %d vaults of %d", seen, count)
				}
			}
			return *next, nil
		},
		calls: func(_ *peer, count int, marker string) []request {
			list := func(next *string) func(context.Context, *peer, int, int) error {
				return func(ctx context.Context, p *peer, _, _ int) error {
					out, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{MaxResults: aws.Int32(pageSize), NextToken: next})
					return full(err, len(out.BackupVaultList))
				}
			}
			return []request{
				{name: "ListBackupVaults, first 100", do: list(nil)},
				{name: "ListBackupVaults, 100 from the middle", do: list(&marker)},
				{name: "DescribeBackupVault", do: func(ctx context.Context, p *peer, client, n int) error {
					_, err := p.backup.DescribeBackupVault(ctx, &backup.DescribeBackupVaultInput{BackupVaultName: numbered("many", (client*7919+n*31)%count)})
					return err
				}},
			}
		},
	}
}

func roleCrowd(most int) crowd {
	trust := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"backup.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	return crowd{
		noun: "roles", most: most,
		add: func(ctx context.Context, p *peer, n int) error {
			_, err := p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: numbered("many", n), AssumeRolePolicyDocument: trust})
			return err
		},
		halfway: func(ctx context.Context, p *peer, count int) (string, error) {
			var marker *string
			for seen := 0; seen < count/2; {
				out, err := p.iam.ListRoles(ctx, &iam.ListRolesInput{Marker: marker, MaxItems: aws.Int32(int32(min(1000, count/2)))}) //nolint:gosec // at most a page
				if err != nil {
					return "", err
				}
				if !out.IsTruncated {
					return "", fmt.Errorf("the list ends after %d roles of %d", seen+len(out.Roles), count)
				}
				marker, seen = out.Marker, seen+len(out.Roles)
			}
			return aws.ToString(marker), nil
		},
		calls: func(_ *peer, count int, marker string) []request {
			list := func(marker *string) func(context.Context, *peer, int, int) error {
				return func(ctx context.Context, p *peer, _, _ int) error {
					out, err := p.iam.ListRoles(ctx, &iam.ListRolesInput{MaxItems: aws.Int32(pageSize), Marker: marker})
					return full(err, len(out.Roles))
				}
			}
			return []request{
				{name: "ListRoles, first 100", do: list(nil)},
				{name: "ListRoles, 100 from the middle", do: list(&marker)},
				{name: "GetRole", do: func(ctx context.Context, p *peer, client, n int) error {
					_, err := p.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: numbered("many", (client*7919+n*31)%count)})
					return err
				}},
			}
		},
	}
}

func keyCrowd(most int) crowd {
	// A thousand folders, so that a list by delimiter has much to pass over.
	name := func(n int) string { return fmt.Sprintf("folder-%03d/key-%08d", shuffled(n)%1000, shuffled(n)) }
	return crowd{
		noun: "keys", most: most,
		prepare: func(ctx context.Context, p *peer, _ int) error {
			_, err := p.s3.CreateBucket(ctx, &s3.CreateBucketInput{
				Bucket:                    aws.String(manyBucket),
				CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: homeRegion},
			})
			if _, ours := errors.AsType[*s3types.BucketAlreadyOwnedByYou](err); ours {
				return nil
			}
			return err
		},
		add: func(ctx context.Context, p *peer, n int) error {
			_, err := p.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(manyBucket), Key: aws.String(name(n)), Body: bytes.NewReader(nil)})
			return err
		},
		halfway: func(context.Context, *peer, int) (string, error) { return "folder-450/", nil },
		calls: func(_ *peer, count int, marker string) []request {
			list := func(in s3.ListObjectsV2Input) func(context.Context, *peer, int, int) error {
				in.Bucket, in.MaxKeys = aws.String(manyBucket), aws.Int32(pageSize)
				return func(ctx context.Context, p *peer, _, _ int) error {
					out, err := p.s3.ListObjectsV2(ctx, &in)
					return full(err, len(out.Contents)+len(out.CommonPrefixes))
				}
			}
			return []request{
				{name: "ListObjectsV2, first 100", do: list(s3.ListObjectsV2Input{})},
				{name: "ListObjectsV2, 100 from the middle", do: list(s3.ListObjectsV2Input{StartAfter: &marker})},
				{name: "ListObjectsV2, 100 folders", do: list(s3.ListObjectsV2Input{Delimiter: aws.String("/")})},
				{name: "HeadObject", do: func(ctx context.Context, p *peer, client, n int) error {
					_, err := p.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(manyBucket), Key: aws.String(name((client*7919 + n*31) % count))})
					return err
				}},
			}
		},
	}
}

// full holds that a page has as many entries as it was to have.
func full(err error, entries int) error {
	if err == nil && entries != pageSize {
		err = fmt.Errorf("the page has %d entries, not %d", entries, pageSize)
	}
	return err
}
