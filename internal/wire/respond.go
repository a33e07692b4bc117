package wire

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
)

// setID puts the request's id where the service's clients look for it.
func (x *exchange) setID() {
	if x.protocol() == model.RESTXML {
		x.w.Header().Set("X-Amz-Request-Id", x.id)
		x.w.Header().Set("X-Amz-Id-2", x.id)
		return
	}
	x.w.Header().Set("X-Amzn-Requestid", x.id)
}

// send writes a whole response. Answers to HEAD and those with a status that has no body lose theirs.
func (x *exchange) send(status int, contentType string, body []byte) {
	bodiless := status == http.StatusNoContent || status == http.StatusNotModified
	if contentType != "" && len(body) > 0 && !bodiless {
		x.w.Header().Set("Content-Type", contentType)
	}
	if bodiless {
		body = nil
	} else if x.r.Method != http.MethodHead {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead {
		return
	}
	if _, err := x.w.Write(body); err != nil {
		x.h.Log.DebugContext(x.r.Context(), "client went away", slog.String("request_id", x.id), slog.Any("error", err))
	}
}

// respond writes an operation's output.
func (x *exchange) respond(op *api.Operation, status int, out any) {
	x.setID()
	c := x.desk.codec
	lists := fillsLists(x.protocol(), op.Name)
	switch x.protocol() {
	case model.JSON:
		body := c.EncodeJSON(out, lists)
		if c.Payload(op.Out) == codec.NoBody {
			body = nil
		}
		x.w.Header().Set("Content-Type", "application/x-amz-json-"+x.jsonVersion())
		x.send(status, "", body)
	case model.Query:
		b := []byte(`<` + op.Name + `Response xmlns="` + x.namespace() + `">`)
		// Operations without output have no result either, but iam:UpdateRole and tagging a topic have an empty one, which clients look for.
		if c.Payload(op.Out) != codec.NoBody || op.Name == "UpdateRole" || x.service == "sns" && strings.HasSuffix(strings.ToLower(op.Name), "tagresource") {
			b = append(b, "<"+op.Name+"Result>"...)
			b = append(b, c.EncodeXML(out, lists)...)
			b = append(b, "</"+op.Name+"Result>"...)
		}
		b = append(b, "<ResponseMetadata>"...)
		b = xmlElement(b, "RequestId", x.id)
		b = append(b, "</ResponseMetadata></"+op.Name+"Response>"...)
		x.send(status, "text/xml", b)
	case model.EC2:
		b := []byte(xmlHeader + `<` + op.Name + `Response xmlns="` + x.namespace() + `/">`)
		b = xmlElement(b, "requestId", x.id)
		if c.Payload(op.Out) == codec.NoBody {
			b = append(b, "<return>true</return>"...)
		} else {
			b = append(b, c.EncodeXML(out, lists)...)
		}
		b = append(b, "</"+op.Name+"Response>"...)
		x.send(status, "text/xml;charset=UTF-8", b)
	default:
		x.respondREST(op, status, out)
	}
}

func (x *exchange) respondREST(op *api.Operation, status int, out any) {
	c := x.desk.codec
	header := x.w.Header()
	c.Headers(out, header)
	if told := c.Status(out); told != 0 {
		status = told
	}
	if status == http.StatusOK && header.Get("Content-Range") != "" {
		status = http.StatusPartialContent
	}
	switch c.Payload(op.Out) {
	case codec.StreamBody:
		x.stream(status, c.Stream(out))
	case codec.Document, codec.Bytes:
		body := c.PayloadBytes(out)
		contentType := "application/json"
		if x.protocol() == model.RESTXML && c.Payload(op.Out) == codec.Document {
			contentType = "application/xml"
			body = append([]byte(xmlHeader), body...)
		}
		if set := header.Get("Content-Type"); set != "" {
			contentType = set
		}
		x.send(status, contentType, body)
	case codec.Members:
		if x.protocol() == model.RESTXML {
			x.send(status, "application/xml", x.s3Document(op, out))
			return
		}
		x.send(status, "application/json", c.EncodeJSON(out, fillsLists(x.protocol(), op.Name)))
	default:
		x.send(status, "", nil)
	}
}

// stream writes a streamed body. An error in the middle breaks the connection, which is how clients learn of it.
func (x *exchange) stream(status int, body io.Reader) {
	x.w.WriteHeader(status)
	if body == nil {
		return
	}
	if closer, ok := body.(io.Closer); ok {
		defer closer.Close() //nolint:errcheck // it was only read
	}
	if x.r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(x.w, body); err != nil {
		x.h.Log.WarnContext(x.r.Context(), "response broken off", slog.String("request_id", x.id), slog.String("operation", x.operation), slog.Any("error", err))
		panic(http.ErrAbortHandler)
	}
}

// s3Document wraps the output's members in S3's root element for the operation.
func (x *exchange) s3Document(op *api.Operation, out any) []byte {
	if op.Name == "GetBucketLocation" {
		// The root is itself the member: <LocationConstraint>eu-north-1</LocationConstraint>.
		inner := x.desk.codec.EncodeXML(out, false)
		text := strings.TrimSuffix(strings.TrimPrefix(string(inner), "<LocationConstraint>"), "</LocationConstraint>")
		return []byte(xmlHeader + `<LocationConstraint xmlns="` + x.namespace() + `">` + text + `</LocationConstraint>`)
	}
	root := s3Roots[op.Name]
	if root == "" {
		root = op.Name + "Result"
	}
	b := []byte(xmlHeader + `<` + root + ` xmlns="` + x.namespace() + `">`)
	b = append(b, x.desk.codec.EncodeXML(out, fillsLists(x.protocol(), op.Name))...)
	return append(b, "</"+root+">"...)
}

// s3Roots are the root elements of S3's answers that are not named for their operation.
var s3Roots = map[string]string{
	"CreateMultipartUpload":              "InitiateMultipartUploadResult",
	"DeleteObjects":                      "DeleteResult",
	"GetBucketAccelerateConfiguration":   "AccelerateConfiguration",
	"GetBucketAcl":                       "AccessControlPolicy",
	"GetBucketCors":                      "CORSConfiguration",
	"GetBucketLifecycleConfiguration":    "LifecycleConfiguration",
	"GetBucketLogging":                   "BucketLoggingStatus",
	"GetBucketNotificationConfiguration": "NotificationConfiguration",
	"GetBucketRequestPayment":            "RequestPaymentConfiguration",
	"GetBucketTagging":                   "Tagging",
	"GetBucketVersioning":                "VersioningConfiguration",
	"GetBucketWebsite":                   "WebsiteConfiguration",
	"GetObjectAcl":                       "AccessControlPolicy",
	"GetObjectAttributes":                "GetObjectAttributesResponse",
	"GetObjectTagging":                   "Tagging",
	"ListBuckets":                        "ListAllMyBucketsResult",
	"ListObjectVersions":                 "ListVersionsResult",
	"ListObjects":                        "ListBucketResult",
	"ListObjectsV2":                      "ListBucketResult",
}

// fillsLists reports whether AWS answers to the operation with empty lists rather than with none. What the JSON services
// Describe is one thing, whose lists may be absent; EC2 and RDS describe many.
func fillsLists(protocol model.Protocol, operation string) bool {
	for _, prefix := range []string{"List", "Lookup", "GetResources", "GetTag"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return (protocol == model.EC2 || protocol == model.Query) && strings.HasPrefix(operation, "Describe")
}
