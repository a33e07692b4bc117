package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/model"
	"strongroom/internal/wire/sigv4"
)

// authenticate verifies the request's signature and sets the caller. For services other than S3 it reads the body,
// whose hash is part of the signature.
func (x *exchange) authenticate(signature *sigv4.Signature) error {
	hash, err := x.payloadHash(signature)
	if err != nil {
		return err
	}
	secret, caller, err := x.h.Credentials.Lookup(x.r.Context(), signature.AccessKeyID, signature.SessionToken)
	if err != nil {
		return x.unknownKey(err)
	}
	if err := signature.Verify(x.r, secret, hash, x.h.Wall.Now()); err != nil {
		return x.refused(err)
	}
	if !x.h.KnownRegion(signature.Scope.Region) {
		return x.refused(&sigv4.Failure{Reason: sigv4.Mismatch, Message: "Credential should be scoped to a valid region."})
	}
	x.caller = x.complete(caller, signature.AccessKeyID, signature.Scope.Region)
	return nil
}

// complete fills in what is known of the call itself.
func (x *exchange) complete(caller api.Caller, accessKeyID, region string) *api.Caller {
	caller.AccessKeyID = accessKeyID
	caller.Region = region
	if x.desk != nil && x.desk.service != nil && x.desk.service.Global && x.service != "sts" {
		caller.Region = "us-east-1"
	}
	caller.SourceIP = x.r.RemoteAddr
	if host, _, err := net.SplitHostPort(x.r.RemoteAddr); err == nil {
		caller.SourceIP = host
	}
	caller.UserAgent, caller.Referer = x.r.UserAgent(), x.r.Referer()
	caller.Secure = x.r.TLS != nil
	caller.Endpoint = "http://" + x.r.Host
	if caller.Secure {
		caller.Endpoint = "https://" + x.r.Host
	}
	caller.RequestID = x.id
	caller.Date = x.h.Clock.Now()
	caller.ReceivedAt = x.h.Wall.Now()
	return &caller
}

// largeBodies are the sizes of the largest requests of services that take more than others: 1 MiB of messages or events may be
// several times as long in JSON, and functions come as archives of 50 MB in base64.
var largeBodies = map[string]int64{"events": 8 << 20, "lambda": 70 << 20, "logs": 8 << 20, "sqs": 8 << 20}

// payloadHash is what the canonical request ends with.
func (x *exchange) payloadHash(signature *sigv4.Signature) (string, error) {
	given := signature.PayloadHash
	if x.protocol() == model.RESTXML {
		switch {
		case given == "" && signature.Presigned:
			signature.PayloadHash = sigv4.UnsignedPayload
		case given == "":
			return "", api.Errorf("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
		case given != sigv4.UnsignedPayload && !sigv4.Streaming(given) && !isSHA256(given):
			return "", api.Errorf("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "+
				"STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
		}
		return signature.PayloadHash, nil
	}
	data, err := readBody(x.r, max(x.h.MaxBody, largeBodies[x.service]))
	if err != nil {
		return "", err
	}
	x.r.Body = io.NopCloser(bytes.NewReader(data))
	x.body = data
	if given == sigv4.UnsignedPayload && x.service == "ebs" {
		return given, nil // the blocks' own checksums guard them
	}
	sum := sha256.Sum256(data)
	computed := hex.EncodeToString(sum[:])
	if given != "" && !strings.EqualFold(given, computed) {
		return "", x.refused(&sigv4.Failure{Reason: sigv4.Mismatch, Message: "The X-Amz-Content-Sha256 of the request is not that of its body."})
	}
	return computed, nil
}

func isSHA256(s string) bool {
	data, err := hex.DecodeString(s)
	return err == nil && len(data) == sha256.Size
}

// anonymous lets an unsigned request through to an operation that is open to everybody. In S3 everybody may ask for
// everything: whether the bucket's policy admits him, the operation finds out.
func (x *exchange) anonymous() error {
	missing := x.refused(&sigv4.Failure{Reason: sigv4.Missing, Message: "Missing Authentication Token"})
	if x.desk != nil && x.desk.model.Protocol == model.RESTXML {
		return x.public()
	}
	if x.desk == nil || x.desk.model.Protocol != model.Query {
		return missing
	}
	var err error
	if x.body, err = readBody(x.r, x.h.MaxBody); err != nil {
		return err
	}
	form, err := x.form()
	if err != nil {
		return missing
	}
	if s := model.ByVersion(form.Get("Version")); s != nil { // nothing else tells the services with forms apart
		x.service, x.desk = s.Name, x.h.desk(s.Name)
		missing = x.refused(&sigv4.Failure{Reason: sigv4.Missing, Message: "Missing Authentication Token"})
	}
	op := x.h.Door.Operation(x.service, form.Get("Action"))
	if op == nil || !op.Anonymous {
		return missing
	}
	x.caller = x.complete(api.Caller{}, "", "us-east-1")
	return nil
}

// public sets the caller of an unsigned request to S3: nobody of no account, in whatever Region the bucket is. Its body is
// guarded by no signature.
func (x *exchange) public() error {
	signature := &sigv4.Signature{PayloadHash: x.r.Header.Get("X-Amz-Content-Sha256")}
	switch hash := signature.PayloadHash; {
	case hash == "":
		signature.PayloadHash = sigv4.UnsignedPayload
	case hash != sigv4.UnsignedPayload && hash != sigv4.StreamingTrailer && !isSHA256(hash):
		return x.refused(&sigv4.Failure{Reason: sigv4.Missing})
	}
	x.signature, x.nobody = signature, true
	x.caller = x.complete(api.Caller{UserID: "anonymous"}, "", "")
	return nil
}

// untold is a refusal as nobody is told it: without the reason.
func untold(err error) error {
	refused, ok := errors.AsType[*api.Error](err)
	if !ok || refused.Code != "AccessDenied" {
		return err
	}
	answer := *refused
	answer.Message = "Access Denied"
	return &answer
}

// guessService names the service of a request without a credential scope, for the form of its refusal.
func (h *handler) guessService(r *http.Request) string {
	if prefix, _ := splitTarget(r.Header.Get("X-Amz-Target")); prefix != "" {
		if s := model.ByTarget(prefix); s != nil {
			return s.Name
		}
	}
	host, _, _ := strings.Cut(r.Host, ":")
	for label := range strings.SplitSeq(host, ".") {
		if model.For(label) != nil {
			return label
		}
	}
	if bucketOf(r.Host, h.Hosts) != "" {
		return "s3"
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "sts"
	}
	if strings.HasPrefix(r.URL.Path, "/snapshots/snap-") || strings.HasPrefix(r.URL.Path, "/snapshots/completion/snap-") || r.Method == http.MethodPost && r.URL.Path == "/snapshots" {
		return "ebs"
	}
	for _, name := range []string{"backup", "lambda"} {
		if found, _ := h.desk(name).router.match(r.Method, sigv4.RawPath(r), nil, r.Header); found != nil && !strings.HasPrefix(found.literals[0], "/{") {
			return name
		}
	}
	return "s3"
}
