package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	"strongroom/internal/service/s3/s3test"
	"strongroom/internal/state"
)

// BenchmarkPutObject puts objects of 64 KiB from eight clients.
func BenchmarkPutObject(b *testing.B) {
	w := s3test.New(b)
	w.Bucket(b, s3test.Member, "bucket", true)
	content := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	var n atomic.Int64
	b.SetBytes(int64(len(content)))
	b.SetParallelism(4) // of two processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := fmt.Sprintf("key/%08d", n.Add(1))
			if _, err := api.Call[s3.PutObjectOutput](b.Context(), w.Door, admin, &s3.PutObjectInput{Bucket: ptr("bucket"), Key: &key, Body: bytes.NewReader(content)}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGetObject reads one object of 64 KiB from eight clients.
func BenchmarkGetObject(b *testing.B) {
	w := s3test.New(b)
	w.Bucket(b, s3test.Member, "bucket", true)
	w.Put(b, admin, "bucket", "k", string(bytes.Repeat([]byte("0123456789abcdef"), 4096)))
	b.SetBytes(64 << 10)
	b.SetParallelism(4) // of two processors
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out, err := api.Call[s3.GetObjectOutput](b.Context(), w.Door, admin, &s3.GetObjectInput{Bucket: ptr("bucket"), Key: ptr("k")})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, out.Body); err != nil {
				b.Fatal(err)
			}
			_ = out.Body.Close()
		}
	})
}

// BenchmarkListHugeBucket lists a page of a bucket of 100,000 keys: in the middle, and by common prefixes.
func BenchmarkListHugeBucket(b *testing.B) {
	w := s3test.New(b)
	w.Bucket(b, s3test.Member, "bucket", true)
	err := w.DB.Update(b.Context(), func(ctx context.Context, tx *state.Tx) error {
		bucket, err := tx.Bucket(ctx, "bucket")
		if err != nil {
			return err
		}
		for i := range 100_000 {
			o := state.Object{ObjectVersion: state.ObjectVersion{BucketID: bucket.ID, Key: fmt.Sprintf("%03d/%05d", i/1000, i), Modified: tx.Now, VersionID: "null", StorageClass: "STANDARD", ETag: "e"}}
			if err := tx.InsertObject(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			out := s3test.Do[s3.ListObjectsV2Output](b, w, admin, &s3.ListObjectsV2Input{Bucket: ptr("bucket"), StartAfter: ptr("050/00500")})
			if len(out.Contents) != 1000 {
				b.Fatal(len(out.Contents))
			}
		}
	})
	b.Run("prefixes", func(b *testing.B) {
		for b.Loop() {
			out := s3test.Do[s3.ListObjectsV2Output](b, w, admin, &s3.ListObjectsV2Input{Bucket: ptr("bucket"), Delimiter: ptr("/")})
			if len(out.CommonPrefixes) != 100 {
				b.Fatal(len(out.CommonPrefixes))
			}
		}
	})
}
