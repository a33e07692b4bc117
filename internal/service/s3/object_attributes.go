package s3

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// GetObjectAttributes tells what is asked for of an object: ETag, checksum, parts, storage class, size.
func (s *Service) GetObjectAttributes(ctx context.Context, c *api.Caller, in *s3.GetObjectAttributesInput) (*s3.GetObjectAttributesOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := checkAttributes(in.ObjectAttributes); err != nil {
		return nil, err
	}
	o, err := s.readable(ctx, c, b, *in.Key, str(in.VersionId), "GET")
	if err != nil {
		return nil, err
	}
	customer := customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}
	if err := customer.check(b, o); err != nil {
		return nil, err
	}
	asked := func(a types.ObjectAttributes) bool { return slices.Contains(in.ObjectAttributes, a) }
	out := &s3.GetObjectAttributesOutput{LastModified: o.Modified.Ptr(), VersionId: shownVersion(b, o.VersionID)}
	if asked(types.ObjectAttributesEtag) {
		out.ETag = &o.ETag
	}
	if asked(types.ObjectAttributesObjectSize) {
		out.ObjectSize = &o.Size
	}
	if asked(types.ObjectAttributesStorageClass) {
		out.StorageClass = types.StorageClass(o.StorageClass)
	}
	if asked(types.ObjectAttributesChecksum) && o.Checksum != "" {
		sum := &types.Checksum{ChecksumType: types.ChecksumType(o.ChecksumType)}
		value, _, _ := strings.Cut(o.Checksum, "-") // the number of parts is told among the parts
		setChecksum(sum, o.ChecksumAlgorithm, value)
		out.Checksum = sum
	}
	if asked(types.ObjectAttributesObjectParts) && o.UploadID != "" {
		if out.ObjectParts, err = s.objectParts(ctx, o, in.PartNumberMarker, in.MaxParts); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func checkAttributes(asked []types.ObjectAttributes) error {
	if len(asked) == 0 || len(asked) == 1 && asked[0] == "" {
		return invalidRequest("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	for _, each := range asked {
		if !slices.Contains(each.Values(), each) {
			return invalidArgument("x-amz-object-attributes", string(each), "Invalid attribute name specified.")
		}
	}
	return nil
}

// objectParts tells a page of an object's parts. Their numbers count from 1 whatever they were at the upload.
func (s *Service) objectParts(ctx context.Context, o state.Object, marker *string, most *int32) (*types.GetObjectAttributesParts, error) {
	limit, err := pageSize("max-parts", most, 1000)
	if err != nil {
		return nil, err
	}
	after := 0
	if str(marker) != "" {
		if after, err = strconv.Atoi(*marker); err != nil || after < 0 {
			return nil, invalidArgument("part-number-marker", *marker, "Provided part-number-marker not an integer or within integer range")
		}
	}
	var parts []state.UploadPart
	err = s.view(ctx, func(ctx context.Context, tx *state.Tx) error {
		parts, err = tx.UploadParts(ctx, o.UploadID, 0, mostParts)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := len(parts)
	after = min(after, all)
	end := min(after+limit, all)
	page := &types.GetObjectAttributesParts{
		TotalPartsCount: ptr(int32(all)), MaxParts: ptr(int32(limit)), PartNumberMarker: ptr(strconv.Itoa(after)),
		NextPartNumberMarker: ptr(strconv.Itoa(end)), IsTruncated: ptr(end < all),
	}
	for i, p := range parts[after:end] {
		part := types.ObjectPart{PartNumber: ptr(int32(after + i + 1)), Size: ptr(p.Size)}
		setChecksum(&part, o.ChecksumAlgorithm, p.Checksum)
		page.Parts = append(page.Parts, part)
	}
	return page, nil
}
