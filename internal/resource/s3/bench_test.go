package s3_test

import (
	"fmt"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	kind "strongroom/internal/resource/s3"
	"strongroom/internal/service/s3/s3test"
)

// BenchmarkBackup backs up 2,000 objects of 16 KiB: all of them, and none because nothing changed.
func BenchmarkBackup(b *testing.B) {
	w := s3test.New(b)
	w.Bucket(b, s3test.Member, "bucket", true)
	for i := range 2000 {
		key := fmt.Sprintf("key/%05d", i)
		if _, err := api.Call[awss3.PutObjectOutput](b.Context(), w.Door, admin, &awss3.PutObjectInput{Bucket: ptr("bucket"), Key: &key, Body: strings.NewReader(strings.Repeat(key, 1820))}); err != nil {
			b.Fatal(err)
		}
	}
	k := kind.New(kind.Config{Door: w.Door, S3: w.S3})
	d, err := k.Describe(b.Context(), admin, bucketARN("bucket"))
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	backup := func(b *testing.B, domain *archive.Domain, parent, parentState string) (string, resource.Result) {
		n++
		point := fmt.Sprintf("p%d", n)
		r, err := k.Backup(b.Context(), admin, d, resource.BackupRequest{Domain: domain, Point: point, Parent: parent, ParentState: parentState})
		if err != nil {
			b.Fatal(err)
		}
		return point, r
	}
	domain := func(b *testing.B) *archive.Domain {
		d, err := archive.OpenVault(new(archive.Mem), "vault", archive.Options{}).Domain(b.Context(), "key", archivetest.NewKeyring())
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
	b.Run("full", func(b *testing.B) {
		for b.Loop() {
			backup(b, domain(b), "", "")
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		d := domain(b)
		parent, r := backup(b, d, "", "")
		for b.Loop() {
			parent, r = backup(b, d, parent, r.State)
		}
	})
}
