package archivetest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// S3 is a service of one bucket in memory that speaks as much of the API of S3 as a store needs, to be served by
// net/http/httptest. It checks no signatures. Its zero value is empty and ready.
type S3 struct {
	Bucket        string // the only one there is; any if empty
	PageSize      int    // of listings; 1000 if 0
	Unconditional bool   // it overwrites whatever If-None-Match says, as older services do
	NoBatches     bool   // it does not know DeleteObjects
	NoRanges      bool   // it answers a part with the whole

	mu      sync.Mutex
	objects map[string][]byte
	counts  map[string]int
}

// Counts gives the requests so far by operation.
func (s *S3) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]int{}
	for op, n := range s.counts {
		all[op] = n
	}
	return all
}

// ResetCounts begins to count anew.
func (s *S3) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = nil
}

// ServeHTTP implements http.Handler.
func (s *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	if s.objects == nil {
		s.objects = map[string][]byte{}
	}
	query := r.URL.Query()
	switch {
	case err != nil, r.ContentLength >= 0 && int64(len(body)) != r.ContentLength:
		s3Error(w, http.StatusBadRequest, "IncompleteBody")
	case s.Bucket != "" && bucket != s.Bucket:
		s3Error(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodPut:
		s.put(w, r, key, body)
	case r.Method == http.MethodPost && query.Has("delete"):
		s.deleteBatch(w, body)
	case r.Method == http.MethodDelete:
		s.counts["DeleteObject"]++
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && key == "":
		s.list(w, query.Get("prefix"), query.Get("continuation-token"))
	case r.Method == http.MethodGet:
		s.get(w, r, key)
	default:
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func s3Error(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s, says the test</Message></Error>", code, code)
}

func (s *S3) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	s.counts["PutObject"]++
	if _, there := s.objects[key]; there && r.Header.Get("If-None-Match") == "*" && !s.Unconditional {
		s3Error(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	s.objects[key] = bytes.Clone(body)
	w.Header().Set("ETag", `"x"`)
}

func (s *S3) get(w http.ResponseWriter, r *http.Request, key string) {
	s.counts["GetObject"]++
	data, there := s.objects[key]
	if !there {
		s3Error(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	var first, last int
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); n != 2 || s.NoRanges {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data)
		return
	}
	if first >= len(data) {
		s3Error(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return
	}
	last = min(last, len(data)-1)
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(data)))
	w.Header().Set("Content-Length", strconv.Itoa(last+1-first))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(data[first : last+1])
}

func (s *S3) list(w http.ResponseWriter, prefix, after string) {
	s.counts["ListObjectsV2"]++
	type content struct {
		Key  string
		Size int
	}
	var page struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string    `xml:",omitempty"`
		Contents              []content `xml:"Contents"`
	}
	var keys []string
	for key := range s.objects {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	size := 1000
	if s.PageSize > 0 {
		size = s.PageSize
	}
	if len(keys) > size {
		keys = keys[:size]
		page.IsTruncated, page.NextContinuationToken = true, keys[size-1]
	}
	for _, key := range keys {
		page.Contents = append(page.Contents, content{key, len(s.objects[key])})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(page)
}

func (s *S3) deleteBatch(w http.ResponseWriter, body []byte) {
	s.counts["DeleteObjects"]++
	var in struct {
		Object []struct{ Key string }
	}
	if s.NoBatches {
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	if err := xml.Unmarshal(body, &in); err != nil || len(in.Object) > 1000 {
		s3Error(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	for _, o := range in.Object {
		delete(s.objects, o.Key)
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, "<DeleteResult></DeleteResult>")
}
