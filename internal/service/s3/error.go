package s3

import (
	"fmt"
	"net/http"

	"strongroom/internal/api"
)

// The errors of S3 with their codes, messages and statuses as
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html lists them.

func failure(status int, code, message string, members ...string) *api.Error {
	e := &api.Error{Code: code, Message: message, Status: status}
	for i := 0; i+1 < len(members); i += 2 {
		if e.Members == nil {
			e.Members = map[string]string{}
		}
		e.Members[members[i]] = members[i+1]
	}
	return e
}

func noSuchBucket(name string) *api.Error {
	return failure(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist", "BucketName", name)
}

func noSuchKey(key string) *api.Error {
	return failure(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", "Key", key)
}

func noSuchVersion(key, version string) *api.Error {
	return failure(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.", "Key", key, "VersionId", version)
}

func noSuchUpload(id string) *api.Error {
	return failure(http.StatusNotFound, "NoSuchUpload",
		"The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", "UploadId", id)
}

func invalidArgument(name, value, message string) *api.Error {
	return failure(http.StatusBadRequest, "InvalidArgument", message, "ArgumentName", name, "ArgumentValue", value)
}

func invalidRequest(format string, args ...any) *api.Error {
	return failure(http.StatusBadRequest, "InvalidRequest", fmt.Sprintf(format, args...))
}

func malformedXML() *api.Error {
	return failure(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func accessDenied() *api.Error {
	return failure(http.StatusForbidden, "AccessDenied", "Access Denied")
}

func preconditionFailed(condition string) *api.Error {
	return failure(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", "Condition", condition)
}

func methodNotAllowed(method, resourceType string) *api.Error {
	return failure(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.",
		"Method", method, "ResourceType", resourceType)
}

// wrongRegion is the answer to a call of another Region's endpoint: clients that follow it find Region, which is also
// sent as the header x-amz-bucket-region.
func wrongRegion(bucket, region string) *api.Error {
	return failure(http.StatusMovedPermanently, "PermanentRedirect",
		"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
		"Endpoint", "s3."+region+".amazonaws.com", "Bucket", bucket, "Region", region, "x-amz-bucket-region", region)
}
