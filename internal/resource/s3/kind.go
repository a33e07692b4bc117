package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"strings"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// Type is the kind's name in the Backup API.
const Type = "S3"

// Config is what the kind needs.
type Config struct {
	Door     *api.Door
	S3       Service // for the buckets of an account, which plan selections ask for on nobody's behalf
	AsOf     rules.AsOf
	Log      *slog.Logger // nil for slog.Default()
	Parallel int          // objects read or written at once by a job; 0 for twice the processors
}

// Kind backs up and restores buckets. Its methods may be called at once.
type Kind struct {
	door     *api.Door
	s3       Service
	asOf     rules.AsOf
	log      *slog.Logger
	parallel int
}

var _ resource.Kind = (*Kind)(nil)

// New returns the kind.
func New(cfg Config) *Kind {
	k := &Kind{door: cfg.Door, s3: cfg.S3, asOf: cfg.AsOf, log: cfg.Log, parallel: cfg.Parallel}
	if k.log == nil {
		k.log = slog.Default()
	}
	if k.parallel == 0 {
		k.parallel = 2 * runtime.GOMAXPROCS(0)
	}
	return k
}

// Type implements [resource.Kind].
func (k *Kind) Type() string { return Type }

// Owns reports whether a names a bucket.
func (k *Kind) Owns(_ context.Context, a arn.ARN) (bool, error) {
	return a.Service == "s3" && a.Region == "" && a.AccountID == "" && !strings.ContainsAny(a.Resource, "/:"), nil
}

// List implements [resource.Kind].
func (k *Kind) List(ctx context.Context, accountID, region string) ([]resource.Description, error) {
	buckets, err := k.s3.Buckets(ctx, accountID, region)
	all := make([]resource.Description, len(buckets))
	for i, b := range buckets {
		all[i] = describe(b)
	}
	return all, err
}

func describe(b state.Bucket) resource.Description {
	d := resource.Description{
		ARN: arn.New("s3", "", "", b.Name), Type: Type, Name: b.Name, AccountID: b.AccountID, Region: b.Region, KeyARN: keyARN(b), Tags: maps.Clone(b.Tags),
		Metadata: map[string]string{"BucketName": b.Name, "Encrypted": "true", "EncryptionType": "SSE-S3"},
	}
	if d.KeyARN != "" {
		d.Metadata["EncryptionType"], d.Metadata["KMSKey"] = "SSE-KMS", d.KeyARN
	}
	return d
}

// keyARN is the KMS key of a bucket's default encryption, which may be given by id, alias or ARN.
func keyARN(b state.Bucket) string {
	id := b.Encryption.KMSKeyID
	switch {
	case id == "" || strings.HasPrefix(id, "arn:"):
		return id
	case strings.HasPrefix(id, "alias/"):
		return arn.New("kms", b.Region, b.AccountID, id).String()
	}
	return arn.New("kms", b.Region, b.AccountID, "key/"+id).String()
}

// Describe reads the bucket's tags as the role; a role that may not cannot execute a backup.
func (k *Kind) Describe(ctx context.Context, c *api.Caller, bucket arn.ARN) (resource.Description, error) {
	name := bucket.Resource
	_, err := api.Call[awss3.GetBucketTaggingOutput](ctx, k.door, c, &awss3.GetBucketTaggingInput{Bucket: &name})
	switch api.Code(err) {
	case "NoSuchTagSet":
	case "AccessDenied":
		return resource.Description{}, k.undescribable(c, name, err)
	default:
		if err != nil {
			return resource.Description{}, err
		}
	}
	b, err := k.s3.Bucket(ctx, name)
	if err != nil {
		return resource.Description{}, err
	}
	d := describe(b)
	_, d.SizeBytes, err = k.s3.BucketSize(ctx, name)
	return d, err
}

// Size implements [resource.Sized].
func (k *Kind) Size(ctx context.Context, bucket arn.ARN) (int64, error) {
	_, bytes, err := k.s3.BucketSize(ctx, bucket.Resource)
	return bytes, err
}

// undescribable is what a job says whose role may not look at the bucket.
func (k *Kind) undescribable(c *api.Caller, bucket string, cause error) *api.Error {
	return denied(rules.RefuseDescribe(k.asOf, roleValues(c).With("resource", arn.New("s3", "", "", bucket).String())), cause)
}

// denied is a refusal of what the role wants to do, with its cause.
func denied(refusal *rules.Refusal, cause error) *api.Error {
	var why error = refusal
	if cause != nil {
		why = fmt.Errorf("%w (%w)", refusal, cause)
	}
	return &api.Error{Code: "AccessDeniedException", Message: refusal.Message, Status: http.StatusForbidden, Err: why}
}

// roleValues name the role that a job acts as.
func roleValues(c *api.Caller) rules.Values {
	role := c.RoleARN
	if role == "" {
		role = c.ARN
	}
	return rules.Values{"role": role, "account": c.AccountID}
}

// RecoveryPointARN implements [resource.Kind]: <bucket>-<time>-<8 hexadecimal digits>.
func (k *Kind) RecoveryPointARN(d resource.Description, jobID string, at state.Micros) arn.ARN {
	return pointARN(d.Region, d.AccountID, d.Name, jobID, at)
}

// CopyRecoveryPointARN implements [resource.Kind].
func (k *Kind) CopyRecoveryPointARN(source state.RecoveryPoint, accountID, region, copyJobID string) arn.ARN {
	return pointARN(region, accountID, source.ResourceName, copyJobID, source.CreatedAt)
}

func pointARN(region, accountID, bucket, jobID string, at state.Micros) arn.ARN {
	sum := sha256.Sum256([]byte(jobID))
	return arn.New("backup", region, accountID, "recovery-point:"+bucket+"-"+at.Time().Format("20060102150405")+"-"+hex.EncodeToString(sum[:4]))
}

// Added implements [resource.Kind]; S3 has no catalogue of recovery points.
func (k *Kind) Added(context.Context, *state.Tx, state.RecoveryPoint) error { return nil }

// Removed implements [resource.Kind].
func (k *Kind) Removed(context.Context, *state.Tx, state.RecoveryPoint) error { return nil }
