package s3

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // an ETag is an MD5
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// CompleteMultipartUpload makes an object of the parts that the request lists. Their files stay where they are.
func (s *Service) CompleteMultipartUpload(ctx context.Context, c *api.Caller, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, malformedXML()
	}
	var o state.Object
	var dead []content
	err = s.commits.do(ctx, nil, func(ctx context.Context, tx *state.Tx) error {
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		u, err := uploadIn(ctx, tx, b, *in.Key, str(in.UploadId))
		if err != nil {
			return err
		}
		if err := writeCondition(ctx, tx, b, u.Key, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		o = u.Object
		o.UploadID = u.ID
		unused, err := assemble(ctx, tx, &o, in)
		if err != nil {
			return err
		}
		for _, p := range unused {
			dead = append(dead, content{region: b.Region, spot: spot{file: p.File}})
			if err := tx.DeleteUploadPart(ctx, u.ID, p.Number); err != nil {
				return err
			}
		}
		if err := tx.DeleteUpload(ctx, u.ID); err != nil {
			return err
		}
		replaced, err := add(ctx, tx, b, &o)
		dead = append(dead, replaced...)
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, c, b, objectCreated(created{"CompleteMultipartUpload", "CompleteMultipartUpload"}, o.ObjectVersion))
	})
	if err != nil {
		return nil, err
	}
	s.files.remove(dead...)
	location := fmt.Sprintf("https://%s.s3.%s.amazonaws.com/%s", b.Name, b.Region, o.Key)
	out := &s3.CompleteMultipartUploadOutput{
		Bucket: &b.Name, Key: in.Key, ETag: quoted(o.ETag), Location: &location, ChecksumType: types.ChecksumType(o.ChecksumType),
		VersionId: shownVersion(b, o.VersionID), Expiration: expiration(b, o.ObjectVersion),
	}
	setChecksum(out, o.ChecksumAlgorithm, o.Checksum)
	setEncryption(o, &out.ServerSideEncryption, &out.SSEKMSKeyId, &out.BucketKeyEnabled)
	return out, nil
}

// assemble holds the parts of a request against those that were uploaded and sets size, ETag and checksum of the object.
// It returns the parts that the request leaves out.
func assemble(ctx context.Context, tx *state.Tx, o *state.Object, in *s3.CompleteMultipartUploadInput) (unused []state.UploadPart, err error) {
	parts, err := tx.UploadParts(ctx, o.UploadID, 0, mostParts)
	if err != nil {
		return nil, err
	}
	var sums []string
	var sizes []int64
	etags := md5.New() //nolint:gosec // an ETag is made of MD5s
	if err := checkPartOrder(in.MultipartUpload.Parts); err != nil {
		return nil, err
	}
	if err := checkPartSums(o, in); err != nil {
		return nil, err
	}
	next := 0
	for i, want := range in.MultipartUpload.Parts {
		number := int64(*want.PartNumber)
		for next < len(parts) && parts[next].Number < number {
			unused = append(unused, parts[next])
			next++
		}
		if next == len(parts) || parts[next].Number != number || !sameETag(str(want.ETag), parts[next].ETag) || !samePart(want, o.ChecksumAlgorithm, parts[next]) {
			return nil, failure(http.StatusBadRequest, "InvalidPart",
				"One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
				"UploadId", o.UploadID, "PartNumber", strconv.FormatInt(number, 10), "ETag", str(want.ETag))
		}
		part := parts[next]
		next++
		if part.Size < smallestPart && i < len(in.MultipartUpload.Parts)-1 {
			return nil, failure(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				"ProposedSize", strconv.FormatInt(part.Size, 10), "MinSizeAllowed", strconv.Itoa(smallestPart), "PartNumber", strconv.FormatInt(number, 10), "ETag", part.ETag)
		}
		sum, err := hex.DecodeString(part.ETag)
		if err != nil {
			return nil, err
		}
		etags.Write(sum)
		sums, sizes = append(sums, part.Checksum), append(sizes, part.Size)
		o.Size += part.Size
	}
	unused = append(unused, parts[next:]...)
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return nil, invalidRequest("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, o.Size)
	}
	o.ETag = fmt.Sprintf("%x-%d", etags.Sum(nil), len(sums))
	if o.Checksum, err = combine(o.ChecksumAlgorithm, o.ChecksumType, sums, sizes); err != nil {
		return nil, err
	}
	algorithm, value, err := checksumsIn(in).one()
	if err == nil {
		err = checkSumForm(algorithm, value)
	}
	if err == nil && algorithm != "" && (algorithm != o.ChecksumAlgorithm || strings.SplitN(value, "-", 2)[0] != strings.SplitN(o.Checksum, "-", 2)[0]) {
		err = failure(http.StatusBadRequest, "BadDigest", "The "+lower(algorithm)+" you specified did not match the calculated checksum.")
	}
	return unused, err
}

// checkPartOrder is asked before anything is said of a single part.
func checkPartOrder(parts []types.CompletedPart) error {
	last := int64(0)
	for _, part := range parts {
		if part.PartNumber == nil || part.ETag == nil {
			return malformedXML()
		}
		number, err := partNumber(part.PartNumber)
		if err != nil {
			return err
		}
		if number <= last {
			return failure(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
		}
		last = number
	}
	return nil
}

// checkPartSum asks for a checksum of the upload's algorithm, where the upload asked for one by name. For a composite one
// each part must have its own.
func checkPartSum(o state.Object, given givenChecksums) error {
	name, _, err := given.one()
	if err != nil {
		return err
	}
	name = cmp.Or(name, string(given.algorithm))
	if o.ChecksumAlgorithm == crc64nvmeSum || name == o.ChecksumAlgorithm || name == "" && o.ChecksumType != composite {
		return nil
	}
	return invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
		lower(o.ChecksumAlgorithm), cmp.Or(lower(name), "null"))
}

// checkPartSums asks for what the kind of an upload's checksum needs: the same kind, and for a composite one the checksum
// of each part.
func checkPartSums(o *state.Object, in *s3.CompleteMultipartUploadInput) error {
	kind := types.ChecksumType(strings.ToUpper(string(in.ChecksumType)))
	if err := checkChecksumType(kind); err != nil {
		return err
	}
	for _, part := range in.MultipartUpload.Parts {
		if name, _, err := checksumsIn(&part).one(); err != nil || name != "" && name != o.ChecksumAlgorithm {
			return errors.Join(err, failure(http.StatusBadRequest, "BadDigest", fmt.Sprintf("The %s you specified for part %d did not match what we received.", lower(name), *part.PartNumber)))
		}
	}
	if kind != "" && string(kind) != o.ChecksumType {
		return invalidRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", o.ChecksumType)
	}
	if o.ChecksumType != composite {
		return nil
	}
	for _, part := range in.MultipartUpload.Parts {
		if name, _, err := checksumsIn(&part).one(); err != nil || name == "" {
			return errors.Join(err, invalidRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
				lower(o.ChecksumAlgorithm), *part.PartNumber))
		}
	}
	return nil
}

// samePart holds a checksum that the request lists of a part against the part's.
func samePart(want types.CompletedPart, algorithm string, p state.UploadPart) bool {
	name, value, err := checksumsIn(&want).one()
	return err == nil && (name == "" || name != algorithm || value == p.Checksum)
}
