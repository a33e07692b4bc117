package sqs

import (
	"crypto/md5" //nolint:gosec // what SQS's clients compare
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func digest(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // what SQS's clients compare
	return hex.EncodeToString(sum[:])
}

// digestOf is the digest of message attributes: of their names, types and values with their lengths, by name.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
func digestOf(attributes map[string]types.MessageAttributeValue) string {
	var b []byte
	part := func(text []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text))) //nolint:gosec // a message is no larger than 1 MiB
		b = append(b, text...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		part([]byte(name))
		part([]byte(aws.ToString(a.DataType)))
		if strings.HasPrefix(aws.ToString(a.DataType), "Binary") {
			b = append(b, 2)
			part(a.BinaryValue)
			continue
		}
		b = append(b, 1)
		part([]byte(aws.ToString(a.StringValue)))
	}
	sum := md5.Sum(b) //nolint:gosec // what SQS's clients compare
	return hex.EncodeToString(sum[:])
}
