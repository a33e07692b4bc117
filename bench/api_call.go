package main

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A request is a call that clients repeat.
type request struct {
	name    string
	lacking map[string]bool // the peers that do not have the operation
	do      func(ctx context.Context, p *peer, client, n int) error
}

var calls = []request{
	{name: "KMS Encrypt", do: func(ctx context.Context, p *peer, _, _ int) error {
		_, err := p.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &p.key, Plaintext: p.body[:64]})
		return err
	}},
	{name: "KMS GenerateDataKey", do: func(ctx context.Context, p *peer, _, _ int) error {
		_, err := p.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &p.key, KeySpec: kmstypes.DataKeySpecAes256})
		return err
	}},
	{name: "STS GetCallerIdentity", do: func(ctx context.Context, p *peer, _, _ int) error {
		_, err := p.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	}},
	{name: "ListBackupVaults (10)", do: func(ctx context.Context, p *peer, _, _ int) error {
		_, err := p.backup.ListBackupVaults(ctx, &backup.ListBackupVaultsInput{})
		return err
	}},
	{name: "DescribeBackupJob", lacking: map[string]bool{motoName: true}, do: func(ctx context.Context, p *peer, _, _ int) error {
		_, err := p.backup.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &p.job})
		return err
	}},
	{name: "S3 PutObject 64 KiB", do: func(ctx context.Context, p *peer, client, n int) error {
		return p.put(ctx, fmt.Sprintf("load/%d/%d", client, n))
	}},
	{name: "S3 GetObject 64 KiB", do: func(ctx context.Context, p *peer, _, _ int) error {
		out, err := p.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(loadBucket), Key: aws.String("object")})
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, out.Body)
		if err == nil && n != int64(len(p.body)) {
			err = fmt.Errorf("the object has %d bytes, not %d", n, len(p.body))
		}
		if closing := out.Body.Close(); err == nil {
			err = closing
		}
		return err
	}},
}
