package codec

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/wire/model"
)

// Clients such as boto3 take the names of a user's metadata from the wire as they are spelled there.
func TestMetadataTravelsInLowerCase(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	New(model.For("s3")).Headers(&s3.HeadObjectOutput{Metadata: map[string]string{"colour": "red", "Shape": "round"}}, header)
	got := map[string][]string{}
	for name, values := range header {
		if len(name) > 11 && http.CanonicalHeaderKey(name)[:11] == "X-Amz-Meta-" {
			got[name] = values
		}
	}
	if diff := cmp.Diff(map[string][]string{"x-amz-meta-colour": {"red"}, "x-amz-meta-shape": {"round"}}, got); diff != "" {
		t.Error(diff)
	}
}
