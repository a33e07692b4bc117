package wire

import (
	"crypto/md5"  //nolint:gosec // S3's Content-MD5 and x-amz-checksum-md5
	"crypto/sha1" //nolint:gosec // one of S3's checksums
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"

	"strongroom/internal/api"
)

// refuseUnknown refuses checksums that the house cannot compute: storing what it did not verify would be a false promise.
func refuseUnknown(header http.Header) error {
	for name := range header {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "x-amz-checksum-") || checksums[lower] != nil {
			continue
		}
		switch lower {
		case "x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type":
		default:
			return api.NotImplemented("The checksum of the header " + clip(lower))
		}
	}
	return nil
}

// checksums are the algorithms of S3's x-amz-checksum-… headers and trailers.
var checksums = map[string]func() hash.Hash{
	"x-amz-checksum-crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"x-amz-checksum-crc32c":    func() hash.Hash { return crc32.New(castagnoli) },
	"x-amz-checksum-crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"x-amz-checksum-md5":       md5.New,
	"x-amz-checksum-sha1":      sha1.New,
	"x-amz-checksum-sha256":    sha256.New,
	"x-amz-checksum-sha512":    sha512.New,
	"x-amz-checksum-xxhash64":  func() hash.Hash { return xxhash.New() },
	"x-amz-checksum-xxhash3":   func() hash.Hash { return xxh3.New() },
	"x-amz-checksum-xxhash128": func() hash.Hash { return xxh3.New128() },
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5) // the polynomial of NVM Express, reversed
)
