package wire

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/sigv4"
)

// Browsers upload to S3 by forms, whose fields stand for the headers of a PutObject:
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html

// mostFormFields is the greatest size of a form before its file.
const mostFormFields = 20 << 10

// isForm reports whether the request is a form.
func (x *exchange) isForm() bool {
	if x.r.Method != http.MethodPost || x.r.Header.Get("Authorization") != "" {
		return false
	}
	media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	return err == nil && media == "multipart/form-data"
}

// postForm is what a browser sent before the file.
type postForm struct {
	bucket   string
	fields   map[string]string // by name in lower case
	filename string
	file     io.Reader
}

func (f *postForm) field(name string) string { return f.fields[name] }

func (x *exchange) serveForm() error {
	x.service, x.operation = "s3", "PutObject"
	x.desk = x.h.desk("s3")
	form, err := x.readForm()
	if err != nil {
		return err
	}
	if form.field("policy") == "" && form.field("x-amz-signature") == "" {
		return x.refused(&sigv4.Failure{Reason: sigv4.Missing, Message: "Missing Authentication Token"})
	}
	if err := x.authenticateForm(form); err != nil {
		return err
	}
	policy, err := parsePostPolicy(form.field("policy"))
	if err != nil {
		return err
	}
	if err := policy.hold(form, x.h.Wall.Now()); err != nil {
		return err
	}
	op, err := x.desk.named(x.h.Door, "PutObject")
	if err != nil {
		return err
	}
	in, c := newInput(op), x.desk.codec
	header, err := form.header()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"Bucket": form.bucket, "Key": form.field("key")} {
		if err := c.Set(in, name, name, value); err != nil {
			return err
		}
	}
	if err := errors.Join(refuseUnknown(header), c.SetHeaders(in, header)); err != nil {
		return err
	}
	c.SetStream(in, io.NopCloser(&sizedReader{r: form.file, least: policy.least, most: min(policy.most, x.h.MaxObject)}))
	if err := x.desk.validate(op, in); err != nil {
		return err
	}
	out, err := x.h.Door.Do(x.r.Context(), x.caller, op, in)
	if err != nil {
		return err
	}
	x.respondForm(form, out)
	return nil
}

// readForm reads the fields up to the file.
func (x *exchange) readForm() (*postForm, error) {
	malformed := api.Errorf("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
	form := &postForm{bucket: bucketOf(x.r.Host, x.h.Hosts), fields: map[string]string{}}
	if rest := strings.Trim(x.r.URL.Path, "/"); form.bucket == "" {
		form.bucket = rest
	}
	if form.bucket == "" || strings.Contains(form.bucket, "/") {
		return nil, x.desk.noRoute(x.r.Method, x.r.URL.Path)
	}
	parts, err := x.r.MultipartReader()
	if err != nil {
		return nil, malformed
	}
	for left := int64(mostFormFields); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil, api.Errorf("InvalidArgument", "POST requires exactly one file upload per request.")
		}
		if err != nil {
			return nil, malformed
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			return form, form.begin(part)
		}
		value, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil || name == "" {
			return nil, malformed
		}
		if left -= int64(len(value) + len(name)); left < 0 {
			return nil, api.Errorf("MaxPostPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.")
		}
		form.fields[name] = string(value)
	}
}

// begin takes the file, whose name may be part of the key.
func (f *postForm) begin(file *multipart.Part) error {
	f.file, f.filename = file, file.FileName()
	key, given := f.fields["key"]
	if !given || key == "" {
		return missingField("key")
	}
	name := f.filename
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	f.fields["key"] = strings.ReplaceAll(key, "${filename}", name)
	return nil
}

func missingField(name string) error {
	e := api.Errorf("InvalidArgument", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
	e.Members = map[string]string{"ArgumentName": name, "ArgumentValue": ""}
	return e
}

// authenticateForm verifies the signature of the form's policy and sets the caller.
func (x *exchange) authenticateForm(form *postForm) error {
	if form.field("policy") == "" {
		return missingField("policy")
	}
	signature, err := sigv4.ParseForm(form.field)
	if err != nil {
		return api.Errorf("InvalidArgument", "%s", err.Error())
	}
	secret, caller, err := x.h.Credentials.Lookup(x.r.Context(), signature.AccessKeyID, signature.SessionToken)
	if err != nil {
		return x.unknownKey(err)
	}
	if err := signature.VerifyForm(secret, form.field("policy")); err != nil {
		return x.refused(err)
	}
	if signature.Scope.Service != "s3" || !x.h.KnownRegion(signature.Scope.Region) {
		return x.refused(&sigv4.Failure{Reason: sigv4.Mismatch, Message: "Credential should be scoped to a valid region."})
	}
	x.caller = x.complete(caller, signature.AccessKeyID, signature.Scope.Region)
	return nil
}

// header is what the fields say as headers of a PutObject.
func (f *postForm) header() (http.Header, error) {
	header := http.Header{}
	for name, value := range f.fields {
		switch {
		case name == "acl":
			header.Set("X-Amz-Acl", value)
		case name == "tagging":
			tags, err := tagQuery(value)
			if err != nil {
				return nil, err
			}
			header.Set("X-Amz-Tagging", tags)
		case strings.HasPrefix(name, "x-amz-"), name == "content-type", name == "cache-control", name == "content-disposition",
			name == "content-encoding", name == "content-language", name == "expires":
			header.Set(name, value)
		}
	}
	return header, nil
}

// tagQuery turns the tagging document of a form into the query that the header x-amz-tagging holds.
func tagQuery(document string) (string, error) {
	var tagging struct {
		Tags []struct{ Key, Value string } `xml:"TagSet>Tag"`
	}
	if err := xml.Unmarshal([]byte(document), &tagging); err != nil {
		return "", api.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	query := url.Values{}
	for _, tag := range tagging.Tags {
		query.Add(tag.Key, tag.Value)
	}
	return query.Encode(), nil
}

// respondForm answers as the form asks: with a redirect, a document, or nothing.
func (x *exchange) respondForm(form *postForm, out any) {
	x.setID()
	header := x.w.Header()
	x.desk.codec.Headers(out, header)
	etag := header.Get("ETag")
	redirect := form.field("success_action_redirect")
	if redirect == "" {
		redirect = form.field("redirect")
	}
	if target, err := url.Parse(redirect); redirect != "" && err == nil && target.Host != "" && (target.Scheme == "http" || target.Scheme == "https") {
		query := target.Query()
		query.Set("bucket", form.bucket)
		query.Set("key", form.field("key"))
		query.Set("etag", etag)
		target.RawQuery = query.Encode()
		header.Set("Location", target.String())
		x.send(http.StatusSeeOther, "", nil)
		return
	}
	scheme := "http"
	if x.caller.Secure {
		scheme = "https"
	}
	location := url.URL{Scheme: scheme, Host: x.r.Host, Path: path.Join("/", form.field("key"))}
	if bucketOf(x.r.Host, x.h.Hosts) == "" {
		location.Path = "/" + form.bucket + "/" + form.field("key")
	}
	header.Set("Location", location.String())
	switch form.field("success_action_status") {
	case "200":
		x.send(http.StatusOK, "", nil)
	case "201":
		b := []byte(xmlHeader + "<PostResponse>")
		b = xmlElement(b, "Location", location.String())
		b = xmlElement(b, "Bucket", form.bucket)
		b = xmlElement(b, "Key", form.field("key"))
		b = xmlElement(b, "ETag", etag)
		x.send(http.StatusCreated, "application/xml", append(b, "</PostResponse>"...))
	default:
		x.send(http.StatusNoContent, "", nil)
	}
}

// sizedReader reads a file whose size the policy bounds.
type sizedReader struct {
	r           io.Reader
	read        int64
	least, most int64
}

func (s *sizedReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	switch {
	case s.read > s.most:
		return 0, tooLarge(s.most, s.read)
	case errors.Is(err, io.EOF) && s.read < s.least:
		e := api.Errorf("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		e.Members = map[string]string{"ProposedSize": strconv.FormatInt(s.read, 10), "MinSizeAllowed": strconv.FormatInt(s.least, 10)}
		return 0, e
	case err != nil && !errors.Is(err, io.EOF):
		return n, bodyError(err)
	}
	return n, err
}

// decodePolicy opens the base64 of a policy.
func decodePolicy(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, api.Errorf("InvalidPolicyDocument", "Invalid Policy: Invalid Base64.")
	}
	return data, nil
}
