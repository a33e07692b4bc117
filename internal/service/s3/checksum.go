package s3

import (
	"cmp"
	"crypto/md5"  //nolint:gosec // an ETag is an MD5
	"crypto/sha1" //nolint:gosec // S3 offers SHA-1 as a checksum
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"

	s3kind "strongroom/internal/resource/s3"
)

// Checksum algorithms. An object whose upload names none gets a CRC-64/NVME, as at S3.
const (
	crc32Sum     = string(types.ChecksumAlgorithmCrc32)
	crc32cSum    = string(types.ChecksumAlgorithmCrc32c)
	crc64nvmeSum = string(types.ChecksumAlgorithmCrc64nvme)
	sha1Sum      = string(types.ChecksumAlgorithmSha1)
	sha256Sum    = string(types.ChecksumAlgorithmSha256)
	sha512Sum    = string(types.ChecksumAlgorithmSha512)
	md5Sum       = string(types.ChecksumAlgorithmMd5)
	xxhash64Sum  = string(types.ChecksumAlgorithmXxhash64)
	xxhash3Sum   = string(types.ChecksumAlgorithmXxhash3)
	xxhash128Sum = string(types.ChecksumAlgorithmXxhash128)

	fullObject = string(types.ChecksumTypeFullObject)
	composite  = string(types.ChecksumTypeComposite)
)

// Polynomials in reversed bit order.
const crc64nvmePolynomial = 0x9a6c9329ac4bc9b5

var (
	crc32cTable    = crc32.MakeTable(crc32.Castagnoli)
	crc64nvmeTable = crc64.MakeTable(crc64nvmePolynomial)
)

func newChecksum(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case crc32Sum:
		return crc32.NewIEEE(), nil
	case crc32cSum:
		return crc32.New(crc32cTable), nil
	case crc64nvmeSum:
		return crc64.New(crc64nvmeTable), nil
	case sha1Sum:
		return sha1.New(), nil //nolint:gosec // see above
	case sha256Sum:
		return sha256.New(), nil
	case sha512Sum:
		return sha512.New(), nil
	case md5Sum:
		return md5.New(), nil //nolint:gosec // see above
	case xxhash64Sum:
		return xxhash.New(), nil
	case xxhash3Sum:
		return xxh3.New(), nil
	case xxhash128Sum:
		return xxh3.New128(), nil
	}
	return nil, invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [%s]", strings.Join(algorithms, ", "))
}

// algorithms are the checksums of S3. The members of the SDK's structs that hold one are named for it: ChecksumCRC32.
var algorithms = []string{crc32Sum, crc32cSum, crc64nvmeSum, sha1Sum, sha256Sum, sha512Sum, md5Sum, xxhash64Sum, xxhash3Sum, xxhash128Sum}

// givenChecksums are the checksums that a request gives of a content.
type givenChecksums struct {
	algorithm types.ChecksumAlgorithm
	values    map[string]string // by algorithm
	md5       *string           // Content-MD5
}

// checksumsIn reads the checksums in a pointer to one of the SDK's structs.
func checksumsIn(in any) givenChecksums {
	g := givenChecksums{values: map[string]string{}}
	v := reflect.ValueOf(in).Elem()
	for _, algorithm := range algorithms {
		if field, ok := v.FieldByName("Checksum" + algorithm).Interface().(*string); ok && field != nil {
			g.values[algorithm] = *field
		}
	}
	if field := v.FieldByName("ChecksumAlgorithm"); field.IsValid() {
		algorithm, _ := field.Interface().(types.ChecksumAlgorithm)
		g.algorithm = types.ChecksumAlgorithm(strings.ToUpper(string(algorithm)))
	}
	if field := v.FieldByName("ContentMD5"); field.IsValid() {
		g.md5, _ = field.Interface().(*string)
	}
	return g
}

// setChecksum sets the member of out, a pointer to one of the SDK's structs, that holds the checksum of an algorithm.
func setChecksum(out any, algorithm, value string) {
	if value != "" {
		reflect.ValueOf(out).Elem().FieldByName("Checksum" + algorithm).Set(reflect.ValueOf(&value))
	}
}

// exist reports whether a request gives or announces a checksum of either kind.
func (g givenChecksums) exist() bool { return g.md5 != nil || g.algorithm != "" || len(g.values) > 0 }

// one is the checksum that a request gives; an upload may give one only.
func (g givenChecksums) one() (algorithm, value string, err error) {
	if len(g.values) > 1 {
		return "", "", invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	}
	for algorithm, value = range g.values {
	}
	return algorithm, value, nil
}

// checkSumForm holds the form of the checksum of a whole upload, behind which the number of its parts may stand.
func checkSumForm(algorithm, value string) error {
	if algorithm == "" {
		return nil
	}
	h, err := newChecksum(algorithm)
	if err != nil {
		return err
	}
	value, _, _ = strings.Cut(value, "-")
	if sum, err := base64.StdEncoding.DecodeString(value); err != nil || len(sum) != h.Size() {
		return invalidRequest("Value for x-amz-checksum-%s header is invalid.", lower(algorithm))
	}
	return nil
}

// digest computes what is kept of a content while it passes: the MD5 and one checksum.
type digest struct {
	r         io.Reader
	md5       hash.Hash
	sum       hash.Hash // of algorithm
	given     hash.Hash // of the request's own algorithm; sum if that is the same
	algorithm string
	size      int64
	known     s3kind.Sums // of the content, where they were computed before
}

// newDigest reads r. The checksum that is kept is of the preferred algorithm, or else of the one given, or CRC-64/NVME.
func newDigest(r io.Reader, g givenChecksums, preferred string) (*digest, error) {
	algorithm, _, err := g.one()
	if err != nil {
		return nil, err
	}
	if algorithm != "" && g.algorithm != "" && algorithm != string(g.algorithm) {
		return nil, invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
	}
	if algorithm == "" {
		algorithm = string(g.algorithm)
	}
	if r == nil {
		r = eof{}
	}
	d := &digest{r: r, md5: md5.New(), algorithm: cmp.Or(preferred, algorithm, crc64nvmeSum)} //nolint:gosec // see above
	if d.sum, err = newChecksum(d.algorithm); err != nil {
		return nil, err
	}
	d.given = d.sum
	if algorithm != "" && algorithm != d.algorithm {
		d.given, err = newChecksum(algorithm)
	}
	return d, err
}

// trust takes over what is known of the content from somebody who knows that it is the same, instead of computing it.
func (d *digest) trust(known s3kind.Sums) {
	d.known.MD5 = known.MD5
	if known.Algorithm == d.algorithm && d.given == d.sum {
		d.known.Checksum = known.Checksum
	}
}

func (d *digest) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if d.known.MD5 == "" {
		d.md5.Write(p[:n])
	}
	if d.known.Checksum == "" {
		d.sum.Write(p[:n])
	}
	if d.given != d.sum {
		d.given.Write(p[:n])
	}
	d.size += int64(n)
	return n, err
}

func (d *digest) etag() string {
	if d.known.MD5 != "" {
		return d.known.MD5
	}
	return hexOf(d.md5.Sum(nil))
}

func (d *digest) checksum() string {
	if d.known.Checksum != "" {
		return d.known.Checksum
	}
	return base64.StdEncoding.EncodeToString(d.sum.Sum(nil))
}

// verify holds what passed against what the request said of it.
func (d *digest) verify(g givenChecksums, length *int64) error {
	if length != nil && d.size != *length {
		return failure(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
	}
	if g.md5 != nil {
		want, err := base64.StdEncoding.DecodeString(*g.md5)
		if err != nil || len(want) != md5.Size {
			return failure(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", *g.md5)
		}
		if got := d.md5.Sum(nil); string(got) != string(want) {
			return failure(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.",
				"ExpectedDigest", *g.md5, "CalculatedDigest", base64.StdEncoding.EncodeToString(got))
		}
	}
	algorithm, value, err := g.one()
	if err != nil || algorithm == "" {
		return err
	}
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(want) != d.given.Size() {
		return invalidRequest("Value for x-amz-checksum-%s header is invalid.", lower(algorithm))
	}
	if string(d.given.Sum(nil)) != string(want) {
		return failure(http.StatusBadRequest, "BadDigest", fmt.Sprintf("The %s you specified did not match the calculated checksum.", algorithm))
	}
	return nil
}

// combine is the checksum of a content whose parts have the given checksums: for a CRC, that of the bytes all together;
// else a checksum of checksums.
func combine(algorithm, kind string, sums []string, sizes []int64) (string, error) {
	if kind == composite {
		h, err := newChecksum(algorithm)
		if err != nil {
			return "", err
		}
		for _, sum := range sums {
			b, err := base64.StdEncoding.DecodeString(sum)
			if err != nil {
				return "", err
			}
			h.Write(b)
		}
		return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(sums)), nil
	}
	var crc crcField
	switch algorithm {
	case crc32Sum:
		crc = crcField{crc32.IEEE, 32}
	case crc32cSum:
		crc = crcField{crc32.Castagnoli, 32}
	case crc64nvmeSum:
		crc = crcField{crc64nvmePolynomial, 64}
	default:
		return "", invalidRequest("The FULL_OBJECT checksum type cannot be used with the %s checksum algorithm.", lower(algorithm))
	}
	var all uint64
	for i, sum := range sums {
		b, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || len(b) != crc.width/8 {
			return "", fmt.Errorf("checksum %q of part %d: %w", sum, i+1, err)
		}
		padded := append(make([]byte, 8-len(b)), b...)
		all = crc.multiply(all, crc.power(8*sizes[i])) ^ binary.BigEndian.Uint64(padded)
	}
	b := binary.BigEndian.AppendUint64(nil, all)
	return base64.StdEncoding.EncodeToString(b[8-crc.width/8:]), nil
}

// crcField is the field of polynomials over GF(2) modulo a CRC's polynomial, in reversed bit order: the top bit of width
// is the coefficient of 1.
type crcField struct {
	polynomial uint64
	width      int
}

func (f crcField) multiply(a, b uint64) (product uint64) {
	for bit := uint64(1) << (f.width - 1); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ f.polynomial
		} else {
			b >>= 1
		}
	}
	return product
}

// power is x to the n.
func (f crcField) power(n int64) uint64 {
	result, square := uint64(1)<<(f.width-1), uint64(1)<<(f.width-2)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = f.multiply(result, square)
		}
		square = f.multiply(square, square)
	}
	return result
}
