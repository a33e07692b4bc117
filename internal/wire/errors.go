package wire

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
	"strongroom/internal/wire/sigv4"
)

// fail answers with an error in the protocol's form.
func (x *exchange) fail(err error) {
	e := x.known(err)
	x.setID()
	switch x.protocol() {
	case model.RESTXML:
		x.failS3(e)
	case model.Query:
		x.failQuery(e)
	case model.EC2:
		x.failEC2(e)
	default:
		x.failJSON(e)
	}
}

// known is the error as clients may see it. Whatever is no [api.Error] is a fault of ours: it is logged, and the
// client learns the request id to ask with.
func (x *exchange) known(err error) *api.Error {
	var e *api.Error
	var form *codec.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &form):
		return x.malformed(form)
	}
	x.h.Log.ErrorContext(x.r.Context(), "request failed", slog.String("request_id", x.id), slog.String("service", x.service),
		slog.String("operation", x.operation), slog.Any("error", err))
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return api.Errorf(unavailable[x.protocol()], "No space is left on the disk of this server. The request can be repeated when there is.").
			WithStatus(http.StatusServiceUnavailable)
	}
	if x.protocol() == model.RESTXML || x.protocol() == model.EC2 {
		return api.Errorf("InternalError", "We encountered an internal error. Please try again.").WithStatus(http.StatusInternalServerError)
	}
	return api.Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.").
		WithStatus(http.StatusInternalServerError)
}

// unavailable is the code of a temporary failure of the server, from "Common errors" in each service's API reference: clients try
// again, and then show the message.
var unavailable = map[model.Protocol]string{
	model.RESTJSON: "ServiceUnavailableException", model.JSON: "ServiceUnavailable", model.Query: "ServiceUnavailable",
	model.EC2: "Unavailable", model.RESTXML: "ServiceUnavailable",
}

// malformed is the answer to a request that does not have its protocol's form.
func (x *exchange) malformed(e *codec.Error) *api.Error {
	switch x.protocol() {
	case model.RESTXML:
		if e.Field != "" {
			answer := api.Errorf("InvalidArgument", "%s", e.Message)
			answer.Members = map[string]string{"ArgumentName": e.Field}
			return answer
		}
		return api.Errorf("MalformedXML", "%s", e.Message)
	case model.Query:
		return api.Errorf("MalformedInput", "%s", e.Error())
	case model.EC2:
		return api.Errorf("InvalidParameterValue", "Invalid value for %s", e.Error())
	default:
		return api.Errorf("SerializationException", "%s", e.Error())
	}
}

// failJSON is the form of the JSON protocols: the code stands in a header and, for awsJson, in __type.
func (x *exchange) failJSON(e *api.Error) {
	member := "message"
	if x.desk != nil && x.desk.model.Protocol == model.JSON {
		member = x.desk.model.Message
	}
	body := map[string]any{member: e.Message}
	for name, value := range e.Members {
		body[name] = value
	}
	contentType := "application/json"
	if x.protocol() == model.JSON {
		body["__type"] = e.Code
		contentType = "application/x-amz-json-" + x.jsonVersion()
	}
	x.w.Header().Set("X-Amzn-ErrorType", e.Code)
	if x.desk != nil && x.desk.model.QueryErrors != nil {
		// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, "awsQueryCompatible trait"
		code := e.Code
		if before := x.desk.model.QueryErrors[code]; before != "" {
			code = before
		}
		x.w.Header().Set("X-Amzn-Query-Error", code+";"+faultOf(e))
	}
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // a map of strings
	}
	x.send(e.HTTPStatus(), contentType, data)
}

func (x *exchange) failQuery(e *api.Error) {
	code := e.Code
	if x.desk != nil && x.desk.model.QueryErrors[code] != "" {
		code = x.desk.model.QueryErrors[code]
	}
	b := []byte(`<ErrorResponse xmlns="` + x.namespace() + `"><Error><Type>` + faultOf(e) + `</Type>`)
	b = xmlElement(b, "Code", code)
	b = xmlElement(b, "Message", e.Message)
	b = append(b, "</Error>"...)
	b = xmlElement(b, "RequestId", x.id)
	b = append(b, "</ErrorResponse>"...)
	x.send(e.HTTPStatus(), "text/xml", b)
}

func faultOf(e *api.Error) string {
	if e.HTTPStatus() >= 500 {
		return "Receiver"
	}
	return "Sender"
}

func (x *exchange) failEC2(e *api.Error) {
	b := []byte(xmlHeader + "<Response><Errors><Error>")
	b = xmlElement(b, "Code", e.Code)
	b = xmlElement(b, "Message", e.Message)
	b = append(b, "</Error></Errors>"...)
	b = xmlElement(b, "RequestID", x.id)
	b = append(b, "</Response>"...)
	x.send(e.HTTPStatus(), "text/xml;charset=UTF-8", b)
}

// failS3 also carries members that are header names as headers, for answers without a body.
func (x *exchange) failS3(e *api.Error) {
	b := []byte(xmlHeader + "<Error>")
	b = xmlElement(b, "Code", e.Code)
	// S3 leaves the quotes of its messages as they are, and clients look for them.
	b = append(b, strings.ReplaceAll(string(xmlElement(nil, "Message", e.Message)), "&quot;", `"`)...)
	for _, name := range slices.Sorted(maps.Keys(e.Members)) {
		if isHeader(name) {
			x.w.Header().Set(name, e.Members[name])
			continue
		}
		b = xmlElement(b, name, e.Members[name])
	}
	b = xmlElement(b, "RequestId", x.id)
	b = xmlElement(b, "HostId", x.id)
	b = append(b, "</Error>"...)
	x.send(e.HTTPStatus(), "application/xml", b)
}

// isHeader tells the members of an S3 error that travel in headers.
func isHeader(member string) bool {
	return strings.HasPrefix(member, "x-amz-") ||
		slices.Contains([]string{"ETag", "Last-Modified", "Location", "Content-Range", "Allow", "Cache-Control", "Expires"}, member)
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func xmlElement(b []byte, name, text string) []byte {
	b = append(b, "<"+name+">"...)
	b = codec.AppendXMLText(b, text)
	return append(b, "</"+name+">"...)
}

// refused is the answer to a bad signature, in the words and codes of the service's protocol. The codes are those of
// "Common errors" in each service's API reference.
func (x *exchange) refused(err error) error {
	var f *sigv4.Failure
	if !errors.As(err, &f) {
		return err
	}
	row := refusals[x.protocol()][f.Reason]
	if x.protocol() == model.RESTXML && x.r.Header.Get("Authorization") == "" {
		switch f.Reason {
		case sigv4.Incomplete:
			row.code = "AuthorizationQueryParametersError"
		case sigv4.Unsupported:
			row = refusal{"AuthorizationQueryParametersError", 400, ""}
		default:
		}
	}
	if row.code == "" {
		row = refusals[model.RESTJSON][f.Reason]
	}
	message := f.Message
	if row.message != "" {
		message = row.message
	}
	return api.Errorf(row.code, "%s", message).WithStatus(row.status)
}

type refusal struct {
	code    string
	status  int
	message string // instead of the failure's own
}

var jsonRefusals = map[sigv4.Reason]refusal{
	sigv4.Missing:     {"MissingAuthenticationTokenException", 403, ""},
	sigv4.Incomplete:  {"IncompleteSignatureException", 403, ""},
	sigv4.Unsupported: {"IncompleteSignatureException", 403, ""},
	sigv4.Unsigned:    {"InvalidSignatureException", 403, ""},
	sigv4.Skewed:      {"InvalidSignatureException", 403, ""},
	sigv4.Expired:     {"InvalidSignatureException", 403, ""},
	sigv4.Mismatch:    {"InvalidSignatureException", 403, ""},
}

var refusals = map[model.Protocol]map[sigv4.Reason]refusal{
	model.RESTJSON: jsonRefusals,
	model.JSON: {
		sigv4.Missing:     {"MissingAuthenticationTokenException", 400, ""},
		sigv4.Incomplete:  {"IncompleteSignatureException", 400, ""},
		sigv4.Unsupported: {"IncompleteSignatureException", 400, ""},
		sigv4.Unsigned:    {"InvalidSignatureException", 400, ""},
		sigv4.Skewed:      {"InvalidSignatureException", 400, ""},
		sigv4.Expired:     {"InvalidSignatureException", 400, ""},
		sigv4.Mismatch:    {"InvalidSignatureException", 400, ""},
	},
	model.Query: {
		sigv4.Missing:     {"MissingAuthenticationToken", 403, "Request is missing Authentication Token"},
		sigv4.Incomplete:  {"IncompleteSignature", 400, ""},
		sigv4.Unsupported: {"IncompleteSignature", 400, ""},
		sigv4.Unsigned:    {"SignatureDoesNotMatch", 403, ""},
		sigv4.Skewed:      {"SignatureDoesNotMatch", 403, ""},
		sigv4.Expired:     {"SignatureDoesNotMatch", 403, ""},
		sigv4.Mismatch:    {"SignatureDoesNotMatch", 403, ""},
	},
	model.EC2: {
		sigv4.Missing:     {"MissingAuthenticationToken", 401, "Request is missing Authentication Token"},
		sigv4.Incomplete:  {"IncompleteSignature", 400, ""},
		sigv4.Unsupported: {"IncompleteSignature", 400, ""},
		sigv4.Unsigned:    {"SignatureDoesNotMatch", 403, ""},
		sigv4.Skewed:      {"RequestExpired", 400, "Request has expired."},
		sigv4.Expired:     {"RequestExpired", 400, "Request has expired."},
		sigv4.Mismatch:    {"AuthFailure", 401, "AWS was not able to validate the provided access credentials"},
	},
	model.RESTXML: {
		sigv4.Missing:     {"AccessDenied", 403, "Access Denied"},
		sigv4.Incomplete:  {"AuthorizationHeaderMalformed", 400, ""},
		sigv4.Unsupported: {"InvalidRequest", 400, "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."},
		sigv4.Unsigned:    {"AccessDenied", 403, "There were headers present in the request which were not signed"},
		sigv4.Skewed:      {"RequestTimeTooSkewed", 403, "The difference between the request time and the current time is too large."},
		sigv4.Expired:     {"AccessDenied", 403, "Request has expired"},
		sigv4.Mismatch:    {"SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."},
	},
}

// unknownKey is the answer where [Credentials] refuses the key.
func (x *exchange) unknownKey(err error) error {
	rows := map[string]map[model.Protocol]refusal{
		"InvalidClientTokenId": {
			model.RESTJSON: {"UnrecognizedClientException", 403, "The security token included in the request is invalid."},
			model.JSON:     {"UnrecognizedClientException", 400, "The security token included in the request is invalid."},
			model.Query:    {"InvalidClientTokenId", 403, "The security token included in the request is invalid."},
			model.EC2:      {"AuthFailure", 401, "AWS was not able to validate the provided access credentials"},
			model.RESTXML:  {"InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."},
		},
		"ExpiredToken": {
			model.RESTJSON: {"ExpiredTokenException", 403, "The security token included in the request is expired"},
			model.JSON:     {"ExpiredTokenException", 400, "The security token included in the request is expired"},
			model.Query:    {"ExpiredToken", 403, "The security token included in the request is expired"},
			model.EC2:      {"RequestExpired", 400, "Request has expired."},
			model.RESTXML:  {"ExpiredToken", 400, "The provided token has expired."},
		},
	}
	row, ok := rows[api.Code(err)][x.protocol()]
	if !ok {
		return err
	}
	return &api.Error{Code: row.code, Message: row.message, Status: row.status, Err: err}
}
