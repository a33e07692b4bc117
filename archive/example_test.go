package archive_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"strongroom/archive"
	"strongroom/archive/archivetest"
)

// A first backup, an incremental one, and an object read back from it.
func Example() {
	ctx := context.Background()
	vault := archive.OpenVault(new(archive.Mem), "arn:aws:backup:eu-central-1:111111111111:backup-vault:prod", archive.Options{})
	key := archivetest.NewKeyring() // the KMS key
	domain, err := vault.Domain(ctx, "arn:aws:kms:eu-central-1:111111111111:key/1234", key)
	if err != nil {
		log.Fatal(err)
	}

	backup := func(point, parent string, objects ...string) archive.Summary {
		w, err := domain.NewWriter(ctx, archive.WriteOptions{Point: point, Parent: parent, Kind: archive.Objects})
		if err != nil {
			log.Fatal(err)
		}
		defer w.Abort()
		for _, object := range objects { // in ascending order of their keys
			key, body, _ := strings.Cut(object, "=")
			if err := w.Put(ctx, []byte(key), nil, strings.NewReader(body), int64(len(body))); err != nil {
				log.Fatal(err)
			}
		}
		summary, err := w.Commit(ctx)
		if err != nil {
			log.Fatal(err)
		}
		return summary
	}
	monday := backup("monday", "", "letter=Dear all", "poem=Roses are red")
	tuesday := backup("tuesday", "monday", "poem=Violets are blue")
	fmt.Println(monday.Entries, "entries,", monday.NewBytes, "bytes are new")
	fmt.Println(tuesday.Entries, "entries,", tuesday.NewBytes, "bytes are new")

	point, err := domain.Open(ctx, "tuesday")
	if err != nil {
		log.Fatal(err)
	}
	for entry, err := range point.Entries(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(entry.Open(ctx))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", entry.Key, body)
	}
	// Output:
	// 2 entries, 21 bytes are new
	// 2 entries, 16 bytes are new
	// letter: Dear all
	// poem: Violets are blue
}

// A recovery point copied into another vault, under another key.
func ExampleCopy() {
	ctx := context.Background()
	source, err := archive.OpenVault(new(archive.Mem), "source", archive.Options{}).Domain(ctx, "key", archivetest.NewKeyring())
	if err != nil {
		log.Fatal(err)
	}
	w, err := source.NewWriter(ctx, archive.WriteOptions{Point: "disk", Kind: archive.Volume, Size: 4 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort()
	block := make([]byte, archive.BlockSize)
	copy(block, "only this block is not zero")
	if err := w.PutBlock(ctx, 3, block); err != nil {
		log.Fatal(err)
	}
	if _, err := w.Commit(ctx); err != nil {
		log.Fatal(err)
	}

	destination, err := archive.OpenVault(new(archive.Mem), "destination", archive.Options{}).Domain(ctx, "key", archivetest.NewKeyring())
	if err != nil {
		log.Fatal(err)
	}
	disk, err := source.Open(ctx, "disk")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := archive.Copy(ctx, destination, disk, archive.CopyOptions{Point: "copy"}); err != nil {
		log.Fatal(err)
	}
	copied, err := destination.Open(ctx, "copy")
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range copied.Blocks(ctx, 0) {
		if err != nil {
			log.Fatal(err)
		}
		n, err := copied.ReadBlock(ctx, b.Number, block)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("block %d of %d bytes: %s…\n", b.Number, n, block[:27])
	}
	// Output:
	// block 3 of 524288 bytes: only this block is not zero…
}
