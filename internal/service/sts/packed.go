package sts

import (
	"bytes"
	"compress/flate"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"strongroom/internal/api"
)

// packedAllotment is how many bytes a session's policies and tags may take once they are packed. AWS documents neither
// its packing nor its limit; this is Deflate over their text, within the 2,048 that the policies may have in plain.
const packedAllotment = 2048

// packedSize is how much of the allotment a session takes, in percent; nil for one without policies and tags. More than
// there is is refused.
func packedSize(session api.Session) (*int32, error) {
	if len(session.Policies)+len(session.PolicyARNs)+len(session.Tags) == 0 {
		return nil, nil
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("packing a session: %w", err)
	}
	for _, text := range slices.Concat(session.Policies, session.PolicyARNs) {
		fmt.Fprintf(w, "%s\n", text)
	}
	for _, key := range slices.Sorted(maps.Keys(session.Tags)) {
		fmt.Fprintf(w, "%s=%s\n", key, session.Tags[key])
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("packing a session: %w", err)
	}
	percent := (packed.Len()*100 + packedAllotment - 1) / packedAllotment
	if percent > 100 {
		return nil, api.Errorf("PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
	}
	return aws.Int32(int32(percent)), nil
}
