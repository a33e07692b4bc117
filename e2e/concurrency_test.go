package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"strongroom/internal/strongroomtest"
)

// contested is a kind of thing with names that only one can have.
type contested struct {
	create, tag, remove func(ctx context.Context, name, value string) error
	list                func(ctx context.Context) ([]string, error) // all pages, which are small
}

// contestedKinds are the kinds as a client sees them. The alias names the key.
func contestedKinds(p *party, key string) map[string]contested {
	return map[string]contested{
		"vault": {
			func(ctx context.Context, name, _ string) error {
				return second(p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{BackupVaultName: &name}))
			},
			func(ctx context.Context, name, value string) error {
				return second(p.backup.TagResource(ctx, &backup.TagResourceInput{ResourceArn: aws.String(p.vaultARN(name)), Tags: map[string]string{"by": value}}))
			},
			func(ctx context.Context, name, _ string) error {
				return second(p.backup.DeleteBackupVault(ctx, &backup.DeleteBackupVaultInput{BackupVaultName: &name}))
			},
			func(ctx context.Context) (names []string, err error) {
				for pages := backup.NewListBackupVaultsPaginator(p.backup, &backup.ListBackupVaultsInput{MaxResults: aws.Int32(4)}); pages.HasMorePages(); {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return nil, err
					}
					for _, v := range page.BackupVaultList {
						names = append(names, *v.BackupVaultName)
					}
				}
				return names, nil
			},
		},
		"bucket": {
			func(ctx context.Context, name, _ string) error {
				return second(p.s3.CreateBucket(ctx, &s3.CreateBucketInput{
					Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(p.region)},
				}))
			},
			func(ctx context.Context, name, value string) error {
				return second(p.s3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("by"), Value: &value}}}}))
			},
			func(ctx context.Context, name, _ string) error {
				return second(p.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name}))
			},
			func(ctx context.Context) (names []string, err error) {
				for pages := s3.NewListBucketsPaginator(p.s3, &s3.ListBucketsInput{MaxBuckets: aws.Int32(4)}); pages.HasMorePages(); {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return nil, err
					}
					for _, b := range page.Buckets {
						names = append(names, *b.Name)
					}
				}
				return names, nil
			},
		},
		"role": {
			func(ctx context.Context, name, _ string) error {
				return second(p.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: serviceTrust()}))
			},
			func(ctx context.Context, name, value string) error {
				return second(p.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &name, Tags: []iamtypes.Tag{{Key: aws.String("by"), Value: &value}}}))
			},
			func(ctx context.Context, name, _ string) error {
				return second(p.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name}))
			},
			func(ctx context.Context) (names []string, err error) {
				for pages := iam.NewListRolesPaginator(p.iam, &iam.ListRolesInput{MaxItems: aws.Int32(4)}); pages.HasMorePages(); {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return nil, err
					}
					for _, r := range page.Roles {
						names = append(names, *r.RoleName)
					}
				}
				return names, nil
			},
		},
		"alias": {
			func(ctx context.Context, name, _ string) error {
				return second(p.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/" + name), TargetKeyId: &key}))
			},
			func(ctx context.Context, name, _ string) error {
				return second(p.kms.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: aws.String("alias/" + name), TargetKeyId: &key}))
			},
			func(ctx context.Context, name, _ string) error {
				return second(p.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: aws.String("alias/" + name)}))
			},
			func(ctx context.Context) (names []string, err error) {
				for pages := kms.NewListAliasesPaginator(p.kms, &kms.ListAliasesInput{Limit: aws.Int32(4)}); pages.HasMorePages(); {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return nil, err
					}
					for _, a := range page.Aliases {
						names = append(names, strings.TrimPrefix(*a.AliasName, "alias/"))
					}
				}
				return names, nil
			},
		},
		"object": {
			func(ctx context.Context, name, value string) error {
				return second(p.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("contested-objects"), Key: &name, Body: strings.NewReader(value), IfNoneMatch: aws.String("*")}))
			},
			func(ctx context.Context, name, value string) error {
				return second(p.s3.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("contested-objects"), Key: &name, Tagging: &s3types.Tagging{TagSet: []s3types.Tag{{Key: aws.String("by"), Value: &value}}}}))
			},
			nil, // deleting what is not there succeeds
			func(ctx context.Context) (names []string, err error) {
				for pages := s3.NewListObjectsV2Paginator(p.s3, &s3.ListObjectsV2Input{Bucket: aws.String("contested-objects"), MaxKeys: aws.Int32(4)}); pages.HasMorePages(); {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return nil, err
					}
					for _, o := range page.Contents {
						names = append(names, *o.Key)
					}
				}
				return names, nil
			},
		},
	}
}

const (
	rivals = 64
	still  = 11 // things of each kind that nobody touches
)

var (
	taken  = regexp.MustCompile(`AlreadyExists|AlreadyOwnedByYou|PreconditionFailed|ConditionalRequestConflict`)
	absent = regexp.MustCompile(`NotFound|NoSuch`)
)

// tally counts what was acknowledged to all clients together.
type tally struct {
	mu      sync.Mutex
	made    map[string]int    // creations by kind and name
	removed map[string]int    // deletions
	writer  map[string]string // of an object: whose content was accepted last
}

// TestRivals has 64 clients create, tag, list and delete the same names. Of each name as many creations are acknowledged
// as deletions, and one more if it is there in the end; and every list shows what nobody touches once, whatever is
// written meanwhile.
func TestRivals(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	owner := enter(t, s, member, home)
	key := owner.key(t)
	must(owner.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String("contested-objects"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home},
	}))(t, "making a bucket")
	kinds := contestedKinds(owner, key)
	names := []string{"contested-0", "contested-1", "contested-2"}
	for kind, k := range kinds {
		for i := range still {
			if err := k.create(ctx, fmt.Sprintf("still-%02d", i), "nobody"); err != nil {
				t.Fatalf("making a %s: %v", kind, err)
			}
		}
	}
	count := tally{made: map[string]int{}, removed: map[string]int{}, writer: map[string]string{}}
	var clients sync.WaitGroup
	for i := range rivals {
		clients.Go(func() {
			rival := contestedKinds(newParty(member, once(owner.config)), key)
			random := rand.New(rand.NewPCG(uint64(i), 7)) //nolint:gosec // a test repeats itself
			for kind, k := range rival {
				for range 5 {
					if err := count.step(ctx, random.IntN(7), kind, k, names[random.IntN(len(names))], fmt.Sprint("client ", i)); err != nil {
						t.Errorf("client %d, %s: %v", i, kind, err)
					}
				}
			}
		})
	}
	clients.Wait()
	for kind, k := range kinds {
		there, err := listed(ctx, k)
		if err != nil {
			t.Fatalf("the %ss in the end: %v", kind, err)
		}
		for _, name := range names {
			id := kind + " " + name
			if balance := count.made[id] - count.removed[id]; balance != there[name] {
				t.Errorf("%s: %d creations and %d deletions were acknowledged, and it is there %d times", id, count.made[id], count.removed[id], there[name])
			}
			if count.made[id] == 0 {
				t.Errorf("nobody made %s", id)
			}
		}
	}
	for _, name := range names {
		out := must(owner.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("contested-objects"), Key: &name}))(t, "reading an object")
		content := must(io.ReadAll(out.Body))(t, "reading an object")
		if want := count.writer["object "+name]; string(content) != want {
			t.Errorf("object %s is of %q, and %q was acknowledged", name, content, want)
		}
	}
}

// step is one move of a client; what it does is chosen by a number below 7.
func (c *tally) step(ctx context.Context, choice int, kind string, k contested, name, client string) error {
	id := kind + " " + name
	acknowledged := func(err error, refusal *regexp.Regexp, note func()) error {
		var answer smithy.APIError
		switch {
		case err == nil:
			c.mu.Lock()
			defer c.mu.Unlock()
			note()
			return nil
		case errors.As(err, &answer) && refusal.MatchString(answer.ErrorCode()):
			return nil
		}
		return err
	}
	switch {
	case choice < 3:
		return acknowledged(k.create(ctx, name, client), taken, func() { c.made[id]++; c.writer[id] = client })
	case choice < 4:
		return acknowledged(k.tag(ctx, name, client), absent, func() {})
	case choice < 6 && k.remove != nil:
		return acknowledged(k.remove(ctx, name, client), absent, func() { c.removed[id]++ })
	}
	_, err := listed(ctx, k)
	return err
}

// listed counts how often a list shows each name; it is an error if one that nobody touches is there other than once.
func listed(ctx context.Context, k contested) (map[string]int, error) {
	all, err := k.list(ctx)
	if err != nil {
		return nil, err
	}
	there := map[string]int{}
	for _, name := range all {
		there[name]++
	}
	for i := range still {
		if name := fmt.Sprintf("still-%02d", i); there[name] != 1 {
			return nil, fmt.Errorf("a list shows %s %d times: %v", name, there[name], all)
		}
	}
	return there, nil
}

// TestRivalsOverPlans: plans have no names of their own, so that all creations succeed; of each, one deletion does.
func TestRivalsOverPlans(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	owner := enter(t, s, member, home)
	owner.vault(t, "local-vault", owner.key(t))
	var mu sync.Mutex // guards the maps
	made, removed := map[string]bool{}, map[string]int{}
	ids := func(p *party) ([]string, error) {
		var all []string
		for pages := backup.NewListBackupPlansPaginator(p.backup, &backup.ListBackupPlansInput{MaxResults: aws.Int32(7)}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, plan := range page.BackupPlansList {
				all = append(all, *plan.BackupPlanId)
			}
		}
		return all, nil
	}
	var clients sync.WaitGroup
	for i := range rivals {
		clients.Go(func() {
			p := newParty(member, once(owner.config))
			out, err := p.backup.CreateBackupPlan(ctx, &backup.CreateBackupPlanInput{BackupPlan: &backuptypes.BackupPlanInput{
				BackupPlanName: aws.String("contested"),
				Rules:          []backuptypes.BackupRuleInput{{RuleName: aws.String(fmt.Sprint("rule-", i)), TargetBackupVaultName: aws.String("local-vault")}},
			}})
			if err != nil {
				t.Errorf("client %d makes a plan: %v", i, err)
				return
			}
			mu.Lock()
			made[*out.BackupPlanId] = true
			mu.Unlock()
			all, err := ids(p)
			if err != nil {
				t.Errorf("client %d lists plans: %v", i, err)
				return
			}
			for _, id := range all[:min(len(all), 4)] { // the same ones for many
				_, err := p.backup.DeleteBackupPlan(ctx, &backup.DeleteBackupPlanInput{BackupPlanId: &id})
				var missing *backuptypes.ResourceNotFoundException
				switch {
				case err == nil:
					mu.Lock()
					removed[id]++
					mu.Unlock()
				case !errors.As(err, &missing):
					t.Errorf("client %d deletes a plan: %v", i, err)
				}
			}
		})
	}
	clients.Wait()
	there := map[string]bool{}
	for _, id := range must(ids(owner))(t, "listing plans") {
		there[id] = true
	}
	if len(made) != rivals {
		t.Errorf("%d plans were made, want %d", len(made), rivals)
	}
	for id := range made {
		if removed[id] > 1 || there[id] == (removed[id] == 1) {
			t.Errorf("plan %s was removed %d times, and it is there: %v", id, removed[id], there[id])
		}
	}
}

// TestRivalsOverAnObject: of all who write a key that must not exist, one succeeds, round after round, and what is read is
// that one's content.
func TestRivalsOverAnObject(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	ctx := t.Context()
	owner := enter(t, s, member, home)
	bucket, name := aws.String("one-object"), aws.String("the key")
	must(owner.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: home},
	}))(t, "making a bucket")
	for round := range 3 {
		var mu sync.Mutex // guards winners
		var winners []int
		var clients sync.WaitGroup
		for i := range rivals {
			clients.Go(func() {
				client := s3.NewFromConfig(once(owner.config), func(o *s3.Options) { o.UsePathStyle = true })
				_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: name, Body: bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 1<<16)), IfNoneMatch: aws.String("*")})
				var refused smithy.APIError
				switch {
				case err == nil:
					mu.Lock()
					winners = append(winners, i)
					mu.Unlock()
				case !errors.As(err, &refused) || !taken.MatchString(refused.ErrorCode()):
					t.Errorf("client %d: %v", i, err)
				}
			})
		}
		clients.Wait()
		if len(winners) != 1 {
			t.Fatalf("round %d: %d clients were told that they made the object", round, len(winners))
		}
		out := must(owner.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: name}))(t, "reading")
		content := must(io.ReadAll(out.Body))(t, "reading")
		if !bytes.Equal(content, bytes.Repeat([]byte{byte(winners[0])}, 1<<16)) {
			t.Errorf("round %d: the content is not the winner's", round)
		}
		must(owner.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: name}))(t, "deleting")
	}
}
