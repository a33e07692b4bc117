package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

// A bucket holds the objects in the service, with versions, as AWS Backup demands.
type bucket struct {
	data    *objects
	account *member
}

const (
	bucketName   = "bench-objects"
	restoredName = "bench-objects-again"
	requests     = 8 // at once
)

var inHomeRegion = &s3types.CreateBucketConfiguration{LocationConstraint: homeRegion}

func (b *bucket) create(ctx context.Context) (string, error) {
	if _, err := b.account.s3.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    aws.String(bucketName),
		CreateBucketConfiguration: inHomeRegion,
	}); err != nil {
		return "", err
	}
	if _, err := b.account.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  aws.String(bucketName),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		return "", err
	}
	return "arn:aws:s3:::" + bucketName, b.upload(ctx, b.data.list)
}

func (b *bucket) update(ctx context.Context, round int) error {
	return b.upload(ctx, b.data.changed(round))
}

func (b *bucket) upload(ctx context.Context, list []object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(requests)
	for _, at := range list {
		group.Go(func() error {
			file, err := os.Open(filepath.Join(b.data.dir, filepath.FromSlash(at.path)))
			if err != nil {
				return err
			}
			defer file.Close() //nolint:errcheck // it was only read
			_, err = b.account.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: &at.path, Body: file})
			return err
		})
	}
	return group.Wait()
}

func (b *bucket) restoration() map[string]string {
	return map[string]string{"DestinationBucketName": restoredName, "newBucket": "true", "EncryptionType": "SSE-S3"}
}

func (b *bucket) same(ctx context.Context, arn string) error {
	restored := strings.TrimPrefix(arn, "arn:aws:s3:::")
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(requests)
	for _, at := range b.data.list {
		group.Go(func() error {
			out, err := b.account.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &restored, Key: &at.path})
			if err != nil {
				return err
			}
			defer out.Body.Close() //nolint:errcheck // it was only read
			h := sha256.New()
			if _, err := io.Copy(h, out.Body); err != nil {
				return err
			}
			want, err := hashFile(ctx, filepath.Join(b.data.dir, filepath.FromSlash(at.path)))
			if err == nil && !bytes.Equal(want, h.Sum(nil)) {
				err = fmt.Errorf("%s was not restored: it has another SHA-256", at.path)
			}
			return err
		})
	}
	return group.Wait()
}
