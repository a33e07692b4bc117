package wire

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
	"strongroom/internal/wire/sigv4"
)

// HealthPath is the one page that needs no signature.
const HealthPath = "/_strongroom/health"

type handler struct {
	Config
	desks sync.Map // service name → *desk
}

// NewHandler returns the handler of all services registered at the door, which must be complete.
func NewHandler(c Config) http.Handler {
	h := &handler{Config: c.withDefaults()}
	for name := range c.Door.Services() {
		h.desk(name) // wrong tables show at once
	}
	return h
}

// exchange is one request and its answer.
type exchange struct {
	h         *handler
	w         http.ResponseWriter
	r         *http.Request
	id        string
	service   string // of the credential scope
	operation string // once it is known
	desk      *desk  // nil: nothing is known of the service
	caller    *api.Caller
	signature *sigv4.Signature
	nobody    bool   // the request is not signed, and no policy has been asked yet
	body      []byte // read already, but for S3
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == HealthPath && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"ok"}`) //nolint:errcheck // the client went away
		return
	}
	control := http.NewResponseController(w)
	r = expected(w, r)
	r.Body = patientBody{r.Body, control}
	x := &exchange{h: h, w: patientWriter{w, control}, r: r, id: uuid.NewString()}
	defer x.recover()
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

// recover answers a panic of an operation as the fault it is.
func (x *exchange) recover() {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		x.h.Log.ErrorContext(x.r.Context(), "operation panicked", slog.String("request_id", x.id), slog.String("service", x.service),
			slog.String("operation", x.operation), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		x.fail(fmt.Errorf("panic in %s:%s", x.service, x.operation))
	}
}

func (x *exchange) serve() error {
	if handled, err := x.crossOrigin(); handled || err != nil {
		return err
	}
	if x.isForm() {
		return x.serveForm()
	}
	signature, err := sigv4.Parse(x.r)
	if signature != nil && signature.Scope.Service != "" {
		x.service = signature.Scope.Service
	} else {
		x.service = x.h.guessService(x.r)
	}
	x.desk = x.h.desk(x.service)
	if x.desk != nil && x.desk.model.Protocol == model.JSON && x.r.Header.Get("X-Amz-Target") == "" {
		if former := x.h.formerDesk(x.service); former != nil {
			x.desk = former
		}
	}
	var failed *sigv4.Failure
	switch {
	case errors.As(err, &failed) && failed.Reason == sigv4.Missing:
		err = x.anonymous()
	case err != nil:
		err = x.refused(err)
	default:
		x.signature = signature
		err = x.authenticate(signature)
	}
	if err != nil {
		return err
	}
	if x.desk == nil {
		return api.Errorf("UnknownService", "Strongroom does not have the service %q that the request is signed for.", clip(x.service)).
			WithStatus(http.StatusNotImplemented)
	}
	return x.dispatch()
}

func (x *exchange) dispatch() error {
	switch x.desk.model.Protocol {
	case model.JSON:
		return x.dispatchJSON()
	case model.Query, model.EC2:
		return x.dispatchQuery()
	default:
		return x.dispatchREST()
	}
}

func (x *exchange) dispatchJSON() error {
	prefix, name := splitTarget(x.r.Header.Get("X-Amz-Target"))
	// Some SDKs send CloudTrail's prefix whole, and others its last part only.
	if target := x.desk.model.Target; prefix != target && !strings.HasSuffix(target, "."+prefix) {
		return api.Errorf("UnknownOperationException", "The request's X-Amz-Target names no operation of %s.", x.service)
	}
	op, err := x.desk.named(x.h.Door, name)
	if err != nil {
		return err
	}
	in := newInput(op)
	if err := x.desk.codec.DecodeJSON(x.body, in); err != nil {
		return err
	}
	return x.do(op, http.StatusOK, in)
}

// splitTarget parts an X-Amz-Target at its last dot, since some services' prefixes hold dots themselves.
func splitTarget(target string) (prefix, operation string) {
	i := strings.LastIndexByte(target, '.')
	if i < 0 {
		return "", target
	}
	return target[:i], target[i+1:]
}

// newInput makes an empty input of an operation, as the pointer that its method takes.
func newInput(op *api.Operation) any { return reflect.New(op.In).Interface() }

// form returns the parameters of a query request: those of the URL, and those of the body.
func (x *exchange) form() (url.Values, error) {
	form, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, &codec.Error{Message: "the query string is malformed"}
	}
	inBody, err := url.ParseQuery(string(x.body))
	if err != nil {
		return nil, &codec.Error{Message: "the request's body is no form"}
	}
	for name, values := range inBody {
		form[name] = append(form[name], values...)
	}
	for name := range form {
		if strings.HasPrefix(name, "X-Amz-") {
			delete(form, name)
		}
	}
	return form, nil
}

func (x *exchange) dispatchQuery() error {
	form, err := x.form()
	if err != nil {
		return err
	}
	if form.Get("Action") == "" {
		return api.Errorf("MissingAction", "The request must contain the parameter Action")
	}
	op, err := x.desk.named(x.h.Door, form.Get("Action"))
	if err != nil {
		return err
	}
	form.Del("Action")
	form.Del("Version")
	if path := x.r.URL.Path; x.desk.model.Name == "sqs" && path != "/" && !form.Has("QueueUrl") {
		form.Set("QueueUrl", path) // requests are sent to the queue itself
	}
	in := newInput(op)
	if err := x.desk.codec.DecodeQuery(form, in); err != nil {
		return err
	}
	return x.do(op, http.StatusOK, in)
}

func (x *exchange) dispatchREST() error {
	path := sigv4.RawPath(x.r)
	if x.protocol() == model.RESTXML {
		if bucket := bucketOf(x.r.Host, x.h.Hosts); bucket != "" {
			path = "/" + url.PathEscape(bucket) + path
		}
	}
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return &codec.Error{Message: "the query string is malformed"}
	}
	found, values := x.desk.router.match(x.r.Method, path, query, x.r.Header)
	if found == nil {
		return x.desk.noRoute(x.r.Method, path)
	}
	if found.operation == nil {
		return api.NotImplemented(x.service + ":" + found.name)
	}
	in := newInput(found.operation)
	x.operation = found.name
	if err := found.bind(x.desk.codec, in, values, query); err != nil {
		return err
	}
	if err := x.bindBody(found.operation, in); err != nil {
		return err
	}
	return x.do(found.operation, found.status, in)
}

// bindBody fills what travels in headers and in the body.
func (x *exchange) bindBody(op *api.Operation, in any) error {
	c := x.desk.codec
	payload := c.Payload(op.In)
	header := x.r.Header
	if x.protocol() == model.RESTXML {
		header = payloadHeader(x.r, x.signature)
		limit := x.h.MaxDocument
		if payload == codec.StreamBody {
			limit = x.h.MaxObject
		}
		body, err := newCheckedBody(x.r, x.signature, limit, op.Name != "CompleteMultipartUpload")
		if err != nil {
			return err
		}
		if payload == codec.StreamBody {
			body.trailers = func(trailer http.Header) error { return c.SetHeaders(in, trailer) }
			c.SetStream(in, body)
			return c.SetHeaders(in, header)
		}
		if x.body, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	if err := c.SetHeaders(in, header); err != nil {
		return err
	}
	switch payload {
	case codec.StreamBody:
		c.SetStream(in, x.r.Body)
	case codec.Document, codec.Bytes:
		return c.SetPayload(in, x.body)
	case codec.Members:
		if x.protocol() == model.RESTJSON {
			return c.DecodeJSON(x.body, in)
		}
	case codec.NoBody:
	}
	return nil
}

// payloadHeader is the request's header as if the body had come without aws-chunked framing.
func payloadHeader(r *http.Request, signature *sigv4.Signature) http.Header {
	header := r.Header
	length := r.ContentLength
	if sigv4.Streaming(signature.PayloadHash) {
		header = header.Clone()
		var encodings []string
		for _, encoding := range strings.Split(strings.Join(header.Values("Content-Encoding"), ","), ",") {
			if encoding = strings.TrimSpace(encoding); encoding != "" && encoding != "aws-chunked" {
				encodings = append(encodings, encoding)
			}
		}
		header.Del("Content-Encoding")
		if len(encodings) > 0 {
			header.Set("Content-Encoding", strings.Join(encodings, ","))
		}
		if n, err := strconv.ParseInt(header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
			length = n
		}
		name, ok := strings.CutPrefix(strings.ToLower(header.Get("X-Amz-Trailer")), "x-amz-checksum-")
		if ok && header.Get("X-Amz-Sdk-Checksum-Algorithm") == "" {
			header.Set("X-Amz-Sdk-Checksum-Algorithm", strings.ToUpper(name))
		}
	}
	if length >= 0 && (header.Get("Content-Length") != strconv.FormatInt(length, 10)) {
		header = header.Clone()
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	return header
}

// do checks the input, lets the call through the door, and answers.
func (x *exchange) do(op *api.Operation, status int, in any) error {
	x.operation = op.Name
	if x.nobody && op.Actions() == nil {
		return x.refused(&sigv4.Failure{Reason: sigv4.Missing}) // open to every principal, and this is none
	}
	if err := x.desk.validate(op, in); err != nil {
		return err
	}
	out, err := x.h.Door.Do(x.r.Context(), x.caller, op, in)
	if x.nobody {
		err = untold(err)
	}
	if err != nil {
		return err
	}
	x.respond(op, status, out)
	return nil
}

// protocol is that of the service, or a guess for the services of which nothing is known.
func (x *exchange) protocol() model.Protocol {
	switch {
	case x.desk != nil:
		return x.desk.model.Protocol
	case x.r.Header.Get("X-Amz-Target") != "":
		return model.JSON
	case strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return model.Query
	default:
		return model.RESTJSON
	}
}

func (x *exchange) jsonVersion() string {
	if x.desk != nil && x.desk.model.JSONVersion != "" {
		return x.desk.model.JSONVersion
	}
	return "1.1"
}

func (x *exchange) namespace() string {
	if x.desk != nil {
		return x.desk.model.Namespace
	}
	return "http://strongroom/"
}
