package s3

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	s3kind "strongroom/internal/resource/s3"
)

// API is the service's table: each operation with its route and the actions it asks for, as the service authorization
// reference names them (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "s3", EventSource: Principal, AccessDenied: "AccessDenied",
		Authorization: authorization,
		Operations:    slices.Concat(s.bucketOperations(), s.configurationOperations(), s.objectOperations(), s.uploadOperations()),
	}
}

func (s *Service) bucketOperations() []api.Operation {
	return []api.Operation{
		api.Op("GET /?max-buckets=MaxBuckets&continuation-token=ContinuationToken&prefix=Prefix&bucket-region=BucketRegion", s.ListBuckets, s.listBucketsAccess),
		api.Op("PUT /{Bucket}", s.CreateBucket, s.createBucketAccess),
		api.Op("HEAD /{Bucket}", s.HeadBucket, s.headBucketAccess()),
		api.Op("DELETE /{Bucket} 204", s.DeleteBucket, onBucket[s3.DeleteBucketInput](s, "DeleteBucket", nil)),
		api.Op("GET /{Bucket}?location", s.GetBucketLocation, s.bucketLocationAccess),
		api.Op("GET /{Bucket}?versioning", s.GetBucketVersioning, onBucket[s3.GetBucketVersioningInput](s, "GetBucketVersioning", nil)),
		api.Op("PUT /{Bucket}?versioning", s.PutBucketVersioning, onBucket[s3.PutBucketVersioningInput](s, "PutBucketVersioning", nil)),
		api.Op("GET /{Bucket}?encryption", s.GetBucketEncryption, onBucket[s3.GetBucketEncryptionInput](s, "GetEncryptionConfiguration", nil)),
		api.Op("PUT /{Bucket}?encryption", s.PutBucketEncryption, onBucket[s3.PutBucketEncryptionInput](s, "PutEncryptionConfiguration", nil)),
		api.Op("DELETE /{Bucket}?encryption 204", s.DeleteBucketEncryption, onBucket[s3.DeleteBucketEncryptionInput](s, "PutEncryptionConfiguration", nil)),
		api.Op("GET /{Bucket}?object-lock", s.GetObjectLockConfiguration, onBucket[s3.GetObjectLockConfigurationInput](s, "GetBucketObjectLockConfiguration", nil)),
		api.Op("PUT /{Bucket}?object-lock", s.PutObjectLockConfiguration, onBucket[s3.PutObjectLockConfigurationInput](s, "PutBucketObjectLockConfiguration", nil)),
		api.Op("GET /{Bucket}?tagging", s.GetBucketTagging, onBucket[s3.GetBucketTaggingInput](s, "GetBucketTagging", nil)),
		api.Op("PUT /{Bucket}?tagging 204", s.PutBucketTagging, onBucket[s3.PutBucketTaggingInput](s, "PutBucketTagging", nil)),
		api.Op("DELETE /{Bucket}?tagging 204", s.DeleteBucketTagging, onBucket[s3.DeleteBucketTaggingInput](s, "PutBucketTagging", nil)),
		api.Op("GET /{Bucket}?policy", ofOwner(s, s.GetBucketPolicy), onBucket[s3.GetBucketPolicyInput](s, "GetBucketPolicy", nil)),
		api.Op("PUT /{Bucket}?policy 204", ofOwner(s, s.PutBucketPolicy), onBucket[s3.PutBucketPolicyInput](s, "PutBucketPolicy", nil)),
		api.Op("DELETE /{Bucket}?policy 204", ofOwner(s, s.DeleteBucketPolicy), onBucket[s3.DeleteBucketPolicyInput](s, "DeleteBucketPolicy", nil)),
		api.Op("GET /{Bucket}?policyStatus", s.GetBucketPolicyStatus, onBucket[s3.GetBucketPolicyStatusInput](s, "GetBucketPolicyStatus", nil)),
		api.Op("GET /{Bucket}?publicAccessBlock", ofOwner(s, s.GetPublicAccessBlock), onBucket[s3.GetPublicAccessBlockInput](s, "GetBucketPublicAccessBlock", nil)),
		api.Op("PUT /{Bucket}?publicAccessBlock", ofOwner(s, s.PutPublicAccessBlock), onBucket[s3.PutPublicAccessBlockInput](s, "PutBucketPublicAccessBlock", nil)),
		api.Op("DELETE /{Bucket}?publicAccessBlock 204", ofOwner(s, s.DeletePublicAccessBlock), onBucket[s3.DeletePublicAccessBlockInput](s, "PutBucketPublicAccessBlock", nil)),
		api.Op("GET /{Bucket}?ownershipControls", ofOwner(s, s.GetBucketOwnershipControls), onBucket[s3.GetBucketOwnershipControlsInput](s, "GetBucketOwnershipControls", nil)),
		api.Op("PUT /{Bucket}?ownershipControls", ofOwner(s, s.PutBucketOwnershipControls), onBucket[s3.PutBucketOwnershipControlsInput](s, "PutBucketOwnershipControls", nil)),
		api.Op("DELETE /{Bucket}?ownershipControls 204", ofOwner(s, s.DeleteBucketOwnershipControls), onBucket[s3.DeleteBucketOwnershipControlsInput](s, "PutBucketOwnershipControls", nil)),
		api.Op("GET /{Bucket}?acl", s.GetBucketAcl, onBucket[s3.GetBucketAclInput](s, "GetBucketAcl", nil)),
		api.Op("PUT /{Bucket}?acl", s.PutBucketAcl, onBucket[s3.PutBucketAclInput](s, "PutBucketAcl", nil)),
		api.Op("GET /{Bucket}?lifecycle", s.GetBucketLifecycleConfiguration, onBucket[s3.GetBucketLifecycleConfigurationInput](s, "GetLifecycleConfiguration", nil)),
		api.Op("PUT /{Bucket}?lifecycle", s.PutBucketLifecycleConfiguration, onBucket[s3.PutBucketLifecycleConfigurationInput](s, "PutLifecycleConfiguration", nil)),
		api.Op("DELETE /{Bucket}?lifecycle 204", s.DeleteBucketLifecycle, onBucket[s3.DeleteBucketLifecycleInput](s, "PutLifecycleConfiguration", nil)),
		api.Op("GET /{Bucket}?cors", s.GetBucketCors, onBucket[s3.GetBucketCorsInput](s, "GetBucketCORS", nil)),
		api.Op("PUT /{Bucket}?cors", s.PutBucketCors, onBucket[s3.PutBucketCorsInput](s, "PutBucketCORS", nil)),
		api.Op("DELETE /{Bucket}?cors 204", s.DeleteBucketCors, onBucket[s3.DeleteBucketCorsInput](s, "PutBucketCORS", nil)),
		api.Op("GET /{Bucket}?notification", s.GetBucketNotificationConfiguration, onBucket[s3.GetBucketNotificationConfigurationInput](s, "GetBucketNotification", nil)),
		api.Op("PUT /{Bucket}?notification", s.PutBucketNotificationConfiguration, onBucket[s3.PutBucketNotificationConfigurationInput](s, "PutBucketNotification", nil)),
	}
}

func (s *Service) objectOperations() []api.Operation {
	const reading = "?versionId=VersionId&partNumber=PartNumber&response-cache-control=ResponseCacheControl&response-content-disposition=ResponseContentDisposition" +
		"&response-content-encoding=ResponseContentEncoding&response-content-language=ResponseContentLanguage&response-content-type=ResponseContentType&response-expires=ResponseExpires"
	return []api.Operation{
		api.Op("GET /{Bucket}?delimiter=Delimiter&encoding-type=EncodingType&marker=Marker&max-keys=MaxKeys&prefix=Prefix", s.ListObjects,
			onBucket(s, "ListBucket", func(in *s3.ListObjectsInput) map[string][]string {
				return listConditions(in.Prefix, in.Delimiter, in.MaxKeys)
			})).AsData(),
		api.Op("GET /{Bucket}?list-type=2&delimiter=Delimiter&encoding-type=EncodingType&max-keys=MaxKeys&prefix=Prefix&continuation-token=ContinuationToken&fetch-owner=FetchOwner&start-after=StartAfter", s.ListObjectsV2,
			onBucket(s, "ListBucket", func(in *s3.ListObjectsV2Input) map[string][]string {
				return listConditions(in.Prefix, in.Delimiter, in.MaxKeys)
			})).AsData(),
		api.Op("GET /{Bucket}?versions&delimiter=Delimiter&encoding-type=EncodingType&key-marker=KeyMarker&max-keys=MaxKeys&prefix=Prefix&version-id-marker=VersionIdMarker", s.ListObjectVersions,
			onBucket(s, "ListBucketVersions", func(in *s3.ListObjectVersionsInput) map[string][]string {
				return listConditions(in.Prefix, in.Delimiter, in.MaxKeys)
			})).AsData(),
		api.Op("", s.ListVersionIndex, onBucket(s, "ListBucketVersions", func(in *s3kind.ListVersionIndexInput) map[string][]string {
			return listConditions(in.Prefix, nil, in.MaxKeys)
		})).AsData(),
		api.Op("", s.WriteOnce, s.writeOnceAccess()).AsData(),
		api.Op("", s.WriteMany, writeManyAccess).AsData(),
		api.Op("", s.ReadMany, readManyAccess).AsData().AsReadOnly(),
		api.Op("PUT /{Bucket}/{Key+}", s.PutObject, onObject(s, "PutObject", "PutObject", s.putObjectConditions)).AsData(),
		api.Op("GET /{Bucket}/{Key+}"+reading, s.GetObject, onTaggedObject[s3.GetObjectInput](s, "GetObject", "GetObjectVersion", nil)).AsData(),
		api.Op("HEAD /{Bucket}/{Key+}"+reading, s.HeadObject, onTaggedObject[s3.HeadObjectInput](s, "GetObject", "GetObjectVersion", nil)).AsData(),
		api.Op("DELETE /{Bucket}/{Key+}?versionId=VersionId 204", s.DeleteObject, onObject[s3.DeleteObjectInput](s, "DeleteObject", "DeleteObjectVersion", nil)).AsData(),
		api.Op("POST /{Bucket}?delete", s.DeleteObjects, s.deleteObjectsAccess).AsData(),
		api.Op("PUT /{Bucket}/{Key+} +x-amz-copy-source", s.CopyObject, s.copyObjectAccess()).AsData(),
		api.Op("GET /{Bucket}/{Key+}?attributes&versionId=VersionId", s.GetObjectAttributes,
			onTaggedObject(s, "GetObjectAttributes", "GetObjectVersionAttributes", func(in *s3.GetObjectAttributesInput, _ map[string][]string) []string {
				if in.VersionId != nil {
					return []string{"GetObjectVersion"}
				}
				return []string{"GetObject"}
			})).AsData(),
		api.Op("GET /{Bucket}/{Key+}?tagging&versionId=VersionId", s.GetObjectTagging, onTaggedObject[s3.GetObjectTaggingInput](s, "GetObjectTagging", "GetObjectVersionTagging", nil)).AsData(),
		api.Op("PUT /{Bucket}/{Key+}?tagging&versionId=VersionId", s.PutObjectTagging, onTaggedObject(s, "PutObjectTagging", "PutObjectVersionTagging", putObjectTaggingConditions)).AsData(),
		api.Op("DELETE /{Bucket}/{Key+}?tagging&versionId=VersionId 204", s.DeleteObjectTagging, onTaggedObject[s3.DeleteObjectTaggingInput](s, "DeleteObjectTagging", "DeleteObjectVersionTagging", nil)).AsData(),
		api.Op("GET /{Bucket}/{Key+}?acl&versionId=VersionId", s.GetObjectAcl, onTaggedObject[s3.GetObjectAclInput](s, "GetObjectAcl", "GetObjectVersionAcl", nil)).AsData(),
		api.Op("PUT /{Bucket}/{Key+}?acl&versionId=VersionId", s.PutObjectAcl, onTaggedObject[s3.PutObjectAclInput](s, "PutObjectAcl", "PutObjectVersionAcl", nil)).AsData(),
		api.Op("GET /{Bucket}/{Key+}?retention&versionId=VersionId", s.GetObjectRetention, onObject(s, "GetObjectRetention", "GetObjectRetention", anyVersion[s3.GetObjectRetentionInput])).AsData(),
		api.Op("PUT /{Bucket}/{Key+}?retention&versionId=VersionId", s.PutObjectRetention, onObject(s, "PutObjectRetention", "PutObjectRetention", s.putRetentionConditions)).AsData(),
		api.Op("GET /{Bucket}/{Key+}?legal-hold&versionId=VersionId", s.GetObjectLegalHold, onObject(s, "GetObjectLegalHold", "GetObjectLegalHold", anyVersion[s3.GetObjectLegalHoldInput])).AsData(),
		api.Op("PUT /{Bucket}/{Key+}?legal-hold&versionId=VersionId", s.PutObjectLegalHold, onObject(s, "PutObjectLegalHold", "PutObjectLegalHold", putLegalHoldConditions)).AsData(),
		api.Op("POST /{Bucket}/{Key+}?restore&versionId=VersionId 202", s.RestoreObject, onObject(s, "RestoreObject", "RestoreObject", anyVersion[s3.RestoreObjectInput])).AsData(),
	}
}

func (s *Service) uploadOperations() []api.Operation {
	return []api.Operation{
		api.Op("POST /{Bucket}/{Key+}?uploads", s.CreateMultipartUpload, onObject(s, "PutObject", "PutObject", s.createUploadConditions)).AsData(),
		api.Op("PUT /{Bucket}/{Key+}?partNumber=PartNumber&uploadId=UploadId", s.UploadPart, onObject[s3.UploadPartInput](s, "PutObject", "PutObject", nil)).AsData(),
		api.Op("PUT /{Bucket}/{Key+}?partNumber=PartNumber&uploadId=UploadId +x-amz-copy-source", s.UploadPartCopy, s.uploadPartCopyAccess()).AsData(),
		api.Op("POST /{Bucket}/{Key+}?uploadId=UploadId", s.CompleteMultipartUpload, onObject[s3.CompleteMultipartUploadInput](s, "PutObject", "PutObject", nil)).AsData(),
		api.Op("DELETE /{Bucket}/{Key+}?uploadId=UploadId 204", s.AbortMultipartUpload, onObject[s3.AbortMultipartUploadInput](s, "AbortMultipartUpload", "AbortMultipartUpload", nil)).AsData(),
		api.Op("GET /{Bucket}/{Key+}?uploadId=UploadId&max-parts=MaxParts&part-number-marker=PartNumberMarker", s.ListParts, onObject[s3.ListPartsInput](s, "ListMultipartUploadParts", "ListMultipartUploadParts", nil)).AsData(),
		api.Op("GET /{Bucket}?uploads&delimiter=Delimiter&encoding-type=EncodingType&key-marker=KeyMarker&max-uploads=MaxUploads&prefix=Prefix&upload-id-marker=UploadIdMarker", s.ListMultipartUploads,
			onBucket[s3.ListMultipartUploadsInput](s, "ListBucketMultipartUploads", nil)).AsData(),
	}
}
