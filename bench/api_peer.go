package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A peer is a server that answers AWS's API, with clients for it and what the calls need there.
type peer struct {
	name    string
	version string
	pid     int
	stop    func() error

	backup *backup.Client
	iam    *iam.Client
	kms    *kms.Client
	s3     *s3.Client
	sts    *sts.Client

	key  string // of KMS
	job  string // a backup job that has ended
	body []byte // of objects
}

const (
	strongroomName = "strongroom"
	motoName       = "moto"
	loadBucket     = "bench-load"
)

func (p *peer) connect(cfg aws.Config) {
	p.backup, p.iam, p.kms, p.sts = backup.NewFromConfig(cfg), iam.NewFromConfig(cfg), kms.NewFromConfig(cfg), sts.NewFromConfig(cfg)
	p.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

// patient is a client that keeps as many connections as there are callers.
func patient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 256 })
}

func strongroomPeer(ctx context.Context, s *server) (*peer, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{s.data + "/aws/config"}),
		config.WithSharedCredentialsFiles([]string{s.data + "/aws/credentials"}),
		config.WithSharedConfigProfile("member"), config.WithRegion(homeRegion), config.WithHTTPClient(patient()))
	if err != nil {
		return nil, err
	}
	version, err := output(ctx, nil, s.program, "version")
	if err != nil {
		return nil, err
	}
	p := &peer{name: strongroomName, version: version + ", server -dev: signatures, policies and CloudTrail records as always", pid: s.cmd.Process.Pid}
	p.connect(cfg)
	return p, nil
}

// startMoto starts moto's server. The error is exec.ErrNotFound where it is not installed.
func startMoto(ctx context.Context, log io.Writer) (*peer, error) {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, err
	}
	version, err := output(ctx, nil, "python3", "-c", "import moto; print(moto.__version__)")
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{name: motoName, version: version + ", as installed: no signatures, no policies, all in memory", pid: cmd.Process.Pid}
	p.stop = func() error {
		err := cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait() // tells that it was killed
		return err
	}
	p.connect(aws.Config{
		Region: homeRegion, BaseEndpoint: aws.String(fmt.Sprintf("http://127.0.0.1:%d", port)), HTTPClient: patient(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIABENCH", "bench", ""),
	})
	err = until(ctx, func() (bool, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false, ctx.Err()
		}
		return true, conn.Close()
	})
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// freePort finds a port that nothing listens on.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// prepare makes what the calls name: a key, ten vaults, a bucket with an object, and where jobs run a job.
func (p *peer) prepare(ctx context.Context) error {
	p.body = bytes.Repeat([]byte("0123456789abcdef"), 64<<10/16)
	key, err := p.kms.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		return err
	}
	p.key = aws.ToString(key.KeyMetadata.Arn)
	for n := range 10 {
		if _, err := p.backup.CreateBackupVault(ctx, &backup.CreateBackupVaultInput{
			BackupVaultName: aws.String(fmt.Sprintf("bench-%d", n)), EncryptionKeyArn: &p.key,
		}); err != nil {
			return err
		}
	}
	if _, err := p.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String(loadBucket),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: homeRegion},
	}); err != nil {
		return err
	}
	if err := p.put(ctx, "object"); err != nil || p.name != strongroomName {
		return err
	}
	return p.backUp(ctx)
}

func (p *peer) put(ctx context.Context, key string) error {
	_, err := p.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(loadBucket), Key: &key, Body: bytes.NewReader(p.body)})
	return err
}

// backUp makes a backup of the bucket, so that there is a job to describe.
func (p *peer) backUp(ctx context.Context) error {
	if _, err := p.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(loadBucket),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		return err
	}
	if err := makeRole(ctx, p.iam); err != nil {
		return err
	}
	started, err := p.backup.StartBackupJob(ctx, &backup.StartBackupJobInput{
		BackupVaultName: aws.String("bench-0"), IamRoleArn: aws.String(role), ResourceArn: aws.String("arn:aws:s3:::" + loadBucket),
	})
	if err != nil {
		return err
	}
	p.job = aws.ToString(started.BackupJobId)
	return until(ctx, func() (bool, error) {
		job, err := p.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &p.job})
		return err == nil && job.CompletionDate != nil, err
	})
}
