package eventsource

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/service/events/pattern"
	"strongroom/internal/state"
)

// record is a message as functions see it.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
type record struct {
	MessageID         string               `json:"messageId"`
	ReceiptHandle     string               `json:"receiptHandle"`
	Body              string               `json:"body"`
	Attributes        map[string]string    `json:"attributes"`
	MessageAttributes map[string]attribute `json:"messageAttributes"`
	AttributesMD5     string               `json:"md5OfMessageAttributes,omitempty"`
	BodyMD5           string               `json:"md5OfBody"`
	EventSource       string               `json:"eventSource"`
	EventSourceARN    string               `json:"eventSourceARN"`
	Region            string               `json:"awsRegion"`
}

// attribute is an attribute of a message. The lists are of types that SQS does not have yet, and always empty.
type attribute struct {
	StringValue *string  `json:"stringValue,omitempty"`
	BinaryValue []byte   `json:"binaryValue,omitempty"`
	StringList  []string `json:"stringListValues"`
	BinaryList  [][]byte `json:"binaryListValues"`
	DataType    string   `json:"dataType"`
}

func recordOf(m state.EventSourceMapping, message sqstypes.Message) record {
	r := record{
		MessageID: aws.ToString(message.MessageId), ReceiptHandle: aws.ToString(message.ReceiptHandle), Body: aws.ToString(message.Body),
		Attributes: message.Attributes, MessageAttributes: map[string]attribute{}, AttributesMD5: aws.ToString(message.MD5OfMessageAttributes),
		BodyMD5: aws.ToString(message.MD5OfBody), EventSource: "aws:sqs", EventSourceARN: m.SourceARN, Region: m.Region,
	}
	for name, a := range message.MessageAttributes {
		r.MessageAttributes[name] = attribute{
			StringValue: a.StringValue, BinaryValue: a.BinaryValue, StringList: []string{}, BinaryList: [][]byte{}, DataType: aws.ToString(a.DataType),
		}
	}
	return r
}

// spell writes JSON as it is, without escapes for HTML.
func spell(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// item is a message of a batch, spelled for the function.
type item struct {
	id, receipt string
	text        []byte
}

// maxPayload is what an invocation carries at most, with room for what stands around the records.
const maxPayload = 6<<20 - 64

// parts cuts a batch where it would be too large for an invocation.
func parts(batch []item) (all [][]item) {
	begin, size := 0, 0
	for i, one := range batch {
		if size += len(one.text) + 1; size > maxPayload && i > begin {
			all, begin, size = append(all, batch[begin:i]), i, len(one.text)+1
		}
	}
	return append(all, batch[begin:])
}

func payloadOf(batch []item) []byte {
	texts := make([][]byte, len(batch))
	for i, one := range batch {
		texts[i] = one.text
	}
	return slices.Concat([]byte(`{"Records":[`), bytes.Join(texts, []byte(",")), []byte(`]}`))
}

// filters are the patterns of a mapping, of which one must match; none: everything does.
type filters []*pattern.Pattern

func parseFilters(texts []string) (all filters, err error) {
	for _, text := range texts {
		p, err := pattern.Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// want reports whether a record is for the function. A body that is a JSON object is matched as one, any other as a text.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
func (f filters) want(text []byte) (bool, error) {
	if len(f) == 0 {
		return true, nil
	}
	doc, err := pattern.Decode(text)
	if err != nil {
		return false, err
	}
	fields, _ := doc.(map[string]any)
	if body, ok := fields["body"].(string); ok {
		if inner, err := pattern.Decode([]byte(body)); err == nil {
			if object, ok := inner.(map[string]any); ok {
				fields["body"] = object
			}
		}
	}
	return slices.ContainsFunc(f, func(p *pattern.Pattern) bool { return p.Match(fields) }), nil
}

// failed tells which messages of a batch a function says that it could not process; all, if what it says is no answer.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func failed(answer []byte, batch []item) (ids map[string]bool, all bool) {
	var response *struct {
		Failures *[]map[string]any `json:"batchItemFailures"`
	}
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil, false
	}
	if json.Unmarshal(answer, &response) != nil {
		return nil, true
	}
	if response == nil || response.Failures == nil {
		return nil, false
	}
	ids = map[string]bool{}
	for _, failure := range *response.Failures {
		id, _ := failure["itemIdentifier"].(string)
		if !slices.ContainsFunc(batch, func(one item) bool { return one.id == id }) {
			return nil, true
		}
		ids[id] = true
	}
	return ids, false
}
