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

// BenchmarkListHugeBucket lists pages of a bucket of 1,000,000 keys, each with two versions: its beginning and its middle, by
// common prefixes, of which some hold all and some a thousand keys, and as versions. A bucket of a thousand keys is beside it.
func BenchmarkListHugeBucket(b *testing.B) {
	w := s3test.New(b)
	fill(b, w, "small", 1)
	fill(b, w, "huge", 1000)
	for name, in := range map[string]*s3.ListObjectsV2Input{
		"first":         {},
		"middle":        {StartAfter: ptr("logs/500/00500")},
		"prefix":        {Prefix: ptr("logs/700/")},
		"one prefix":    {Delimiter: ptr("/")},
		"1000 prefixes": {Delimiter: ptr("/"), Prefix: ptr("logs/")},
	} {
		for _, bucket := range []string{"small", "huge"} {
			b.Run(name+"/"+bucket, func(b *testing.B) {
				list := *in
				list.Bucket = &bucket
				for b.Loop() {
					out := s3test.Do[s3.ListObjectsV2Output](b, w, admin, &list)
					if *out.KeyCount == 0 && bucket == "huge" {
						b.Fatal("nothing is listed")
					}
				}
			})
		}
	}
	for name, in := range map[string]*s3.ListObjectVersionsInput{
		"versions":                  {},
		"versions of the middle":    {KeyMarker: ptr("logs/500/00500")},
		"1000 prefixes of versions": {Delimiter: ptr("/"), Prefix: ptr("logs/")},
	} {
		for _, bucket := range []string{"small", "huge"} {
			b.Run(name+"/"+bucket, func(b *testing.B) {
				list := *in
				list.Bucket = &bucket
				for b.Loop() {
					s3test.Do[s3.ListObjectVersionsOutput](b, w, admin, &list)
				}
			})
		}
	}
}

// fill puts a thousand keys below each of some prefixes into a new bucket.
func fill(b *testing.B, w *s3test.World, name string, prefixes int) {
	b.Helper()
	w.Bucket(b, s3test.Member, name, true)
	for p := range prefixes {
		err := w.DB.Update(b.Context(), func(ctx context.Context, tx *state.Tx) error {
			bucket, err := tx.Bucket(ctx, name)
			if err != nil {
				return err
			}
			for i := range 1000 {
				key := fmt.Sprintf("logs/%03d/%05d", p, i)
				for version := range 2 {
					v := state.ObjectVersion{
						BucketID: bucket.ID, Key: key, Modified: tx.Now + state.Micros(version), VersionID: fmt.Sprintf("%032d", version), StorageClass: "STANDARD", ETag: "e",
					}
					if err := tx.RetireObject(ctx, bucket.ID, key); err != nil {
						return err
					}
					if err := tx.InsertObject(ctx, state.Object{ObjectVersion: v}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
