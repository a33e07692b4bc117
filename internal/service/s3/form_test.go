package s3_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/service/s3/s3test"
)

// post sends a form as a browser does, the file last, and follows no redirect.
func post(t *testing.T, url string, fields map[string]string, filename, content string) (*http.Response, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := form.WriteField(name, fields[name]); err != nil {
			t.Fatal(err)
		}
	}
	if filename != "" {
		file, err := form.CreateFormFile("file", filename)
		if err == nil {
			_, err = io.WriteString(file, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestForms(t *testing.T) {
	t.Parallel()
	w, c, _ := serve(t)
	w.Bucket(t, s3test.Member, "bucket", false)
	// The SDK signs a policy for a key, or for the keys with a prefix.
	sign := func(key string, expires time.Duration, conditions ...any) (string, map[string]string) {
		t.Helper()
		signed, err := s3.NewPresignClient(c).PresignPostObject(t.Context(), &s3.PutObjectInput{Bucket: ptr("bucket"), Key: &key}, func(o *s3.PresignPostOptions) {
			o.Expires, o.Conditions = expires, conditions
		})
		if err != nil {
			t.Fatal(err)
		}
		return signed.URL, signed.Values
	}
	prefix := []any{"starts-with", "$key", "user/"}
	for _, test := range []struct {
		name       string
		conditions []any
		fields     map[string]string // set or, where "-", left out
		filename   string
		content    string
		expires    time.Duration
		status     int
		code       string // or part of the answer
	}{
		{name: "plain", status: 204},
		{name: "document", conditions: []any{map[string]string{"success_action_status": "201"}}, fields: map[string]string{"success_action_status": "201"}, status: 201, code: "<Key>user/k</Key>"},
		{name: "status 200", conditions: []any{map[string]string{"success_action_status": "200"}}, fields: map[string]string{"success_action_status": "200"}, status: 200},
		{name: "redirect", conditions: []any{[]any{"eq", "$success_action_redirect", "https://example.com/done?a=b"}}, fields: map[string]string{"success_action_redirect": "https://example.com/done?a=b"}, status: 303},
		{name: "file's name", conditions: []any{prefix}, fields: map[string]string{"key": "user/${filename}"}, filename: "k", status: 204},
		{name: "file elsewhere", conditions: []any{prefix}, fields: map[string]string{"key": "${filename}"}, filename: "user/k", status: 403, code: "Policy Condition failed"},
		{name: "type", conditions: []any{[]any{"starts-with", "$Content-Type", "image/"}}, fields: map[string]string{"Content-Type": "image/png"}, status: 204},
		{name: "other type", conditions: []any{[]any{"starts-with", "$Content-Type", "image/"}}, fields: map[string]string{"Content-Type": "text/html"}, status: 403, code: `["starts-with", "$Content-Type", "image/"]`},
		{name: "metadata", conditions: []any{map[string]string{"x-amz-meta-color": "blue"}}, fields: map[string]string{"x-amz-meta-color": "blue"}, status: 204},
		{name: "extra field", fields: map[string]string{"x-amz-meta-color": "blue"}, status: 403, code: "Extra input fields: x-amz-meta-color"},
		{name: "ignored field", fields: map[string]string{"x-ignore-this": "whatever"}, status: 204},
		{name: "size", conditions: []any{[]any{"content-length-range", 1, 10}}, content: "0123456789", status: 204},
		{name: "too large", conditions: []any{[]any{"content-length-range", 1, 10}}, content: "0123456789a", status: 400, code: "EntityTooLarge"},
		{name: "too small", conditions: []any{[]any{"content-length-range", 1, 10}}, content: "-", status: 400, code: "EntityTooSmall"},
		{name: "another key", fields: map[string]string{"key": "other"}, status: 403, code: "Policy Condition failed"},
		{name: "no key", fields: map[string]string{"key": "-"}, status: 400, code: "field named 'key'"},
		{name: "no file", filename: "-", status: 400, code: "POST requires exactly one file upload per request."},
		{name: "no policy", fields: map[string]string{"policy": "-"}, status: 400, code: "field named 'policy'"},
		{name: "nothing signed", fields: map[string]string{"policy": "-", "X-Amz-Signature": "-"}, status: 403, code: "AccessDenied"},
		{name: "no signature", fields: map[string]string{"X-Amz-Signature": "-"}, status: 400, code: "x-amz-signature"},
		{name: "wrong signature", fields: map[string]string{"X-Amz-Signature": strings.Repeat("0", 64)}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "changed policy", fields: map[string]string{"policy": base64.StdEncoding.EncodeToString([]byte(`{"expiration":"2099-01-01T00:00:00Z","conditions":[]}`))}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "expired", expires: -time.Hour, status: 403, code: "Policy expired."},
		{name: "long fields", fields: map[string]string{"x-ignore-this": strings.Repeat("x", 21<<10)}, status: 400, code: "MaxPostPreDataLengthExceeded"},
		{name: "checksum", conditions: []any{[]any{"starts-with", "$x-amz-checksum-crc32", ""}}, fields: map[string]string{"x-amz-checksum-crc32": "AAAAAA=="}, status: 400, code: "BadDigest"},
		{name: "tags", conditions: []any{[]any{"starts-with", "$tagging", ""}}, fields: map[string]string{"tagging": "<Tagging><TagSet><Tag><Key>k</Key><Value>a+b @</Value></Tag></TagSet></Tagging>"}, status: 204},
	} {
		t.Run(test.name, func(t *testing.T) {
			expires := test.expires
			if expires == 0 {
				expires = time.Hour
			}
			url, fields := sign("user/k", expires, test.conditions...)
			for name, value := range test.fields {
				if fields[name] = value; value == "-" {
					delete(fields, name)
				}
			}
			filename, content := test.filename, test.content
			if filename == "" {
				filename = "f.txt"
			}
			if filename == "-" {
				filename = ""
			}
			if content == "" {
				content = "what the browser sent"
			}
			if content == "-" {
				content = ""
			}
			key := &s3.DeleteObjectInput{Bucket: ptr("bucket"), Key: ptr("user/k")}
			s3test.Do[s3.DeleteObjectOutput](t, w, admin, key)
			response, text := post(t, url, fields, filename, content)
			if response.StatusCode != test.status || !strings.Contains(text, test.code) {
				t.Fatalf("%s: %s", response.Status, text)
			}
			if test.status >= 400 {
				s3test.Refused[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: key.Bucket, Key: key.Key}, "NoSuchKey")
				return
			}
			if got := w.Get(t, admin, "bucket", "user/k", ""); got != content {
				t.Errorf("content %q", got)
			}
			head := s3test.Do[s3.HeadObjectOutput](t, w, admin, &s3.HeadObjectInput{Bucket: key.Bucket, Key: key.Key})
			switch test.name {
			case "redirect":
				if got, want := response.Header.Get("Location"), "https://example.com/done?a=b&bucket=bucket&etag=%22"+strings.Trim(*head.ETag, `"`)+"%22&key=user%2Fk"; got != want {
					t.Errorf("sent to %s, want %s", got, want)
				}
			case "type":
				if *head.ContentType != "image/png" {
					t.Errorf("type %s", *head.ContentType)
				}
			case "metadata":
				if head.Metadata["color"] != "blue" {
					t.Errorf("metadata %v", head.Metadata)
				}
			case "tags":
				if tags := s3test.Do[s3.GetObjectTaggingOutput](t, w, admin, &s3.GetObjectTaggingInput{Bucket: key.Bucket, Key: key.Key}).TagSet; *tags[0].Value != "a+b @" {
					t.Errorf("tags %v", tags)
				}
			case "document":
				var document struct{ Bucket, Key, ETag, Location string }
				if err := xml.Unmarshal([]byte(text), &document); err != nil || document.ETag != *head.ETag || document.Bucket != "bucket" {
					t.Errorf("%+v, %v", document, err)
				}
			}
		})
	}
}
