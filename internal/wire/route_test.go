package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
)

// modelRouter is the router of a service of which the house has nothing, so that all routes are the model's.
func modelRouter(t *testing.T, service string) router {
	t.Helper()
	facts := model.For(service)
	d := &desk{model: facts, codec: codec.New(facts)}
	if err := d.fillRouter(api.NewDoor(nil, nil)); err != nil {
		t.Fatal(err)
	}
	return d.router
}

func TestS3Routes(t *testing.T) {
	t.Parallel()
	router := modelRouter(t, "s3")
	tests := []struct{ method, target, header, want string }{
		{"GET", "/", "", "ListBuckets"},
		{"GET", "/?x-id=ListBuckets", "", "ListBuckets"},
		{"GET", "/b", "", "ListObjects"},
		{"GET", "/b/", "", "ListObjects"},
		{"GET", "/b?list-type=2&prefix=x", "", "ListObjectsV2"},
		{"GET", "/b?versions", "", "ListObjectVersions"},
		{"GET", "/b/?uploads", "", "ListMultipartUploads"},
		{"GET", "/b/k", "", "GetObject"},
		{"GET", "/b/k/", "", "GetObject"},
		{"GET", "/b//", "", "GetObject"},
		{"GET", "/b/k?versionId=x", "", "GetObject"},
		{"GET", "/b/k?tagging&versionId=x", "", "GetObjectTagging"},
		{"GET", "/b?tagging", "", "GetBucketTagging"},
		{"GET", "/b/k?uploadId=u", "", "ListParts"},
		{"GET", "/b/k?attributes", "", "GetObjectAttributes"},
		{"GET", "/b?inventory&id=1", "", "GetBucketInventoryConfiguration"},
		{"GET", "/b?inventory", "", "ListBucketInventoryConfigurations"},
		{"HEAD", "/b", "", "HeadBucket"},
		{"HEAD", "/b/k", "", "HeadObject"},
		{"PUT", "/b", "", "CreateBucket"},
		{"PUT", "/b?acl", "", "PutBucketAcl"},
		{"PUT", "/b/k", "", "PutObject"},
		{"PUT", "/b/k", "x-amz-copy-source", "CopyObject"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "", "UploadPart"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", "x-amz-copy-source", "UploadPartCopy"},
		{"POST", "/b/k?uploads", "", "CreateMultipartUpload"},
		{"POST", "/b/k?uploadId=u", "", "CompleteMultipartUpload"},
		{"POST", "/b?delete", "", "DeleteObjects"},
		{"DELETE", "/b/k?uploadId=u", "", "AbortMultipartUpload"},
		{"DELETE", "/b/k", "", "DeleteObject"},
		{"DELETE", "/b", "", "DeleteBucket"},
		{"DELETE", "/b?publicAccessBlock", "", "DeletePublicAccessBlock"},
	}
	for _, test := range tests {
		u, err := url.Parse(test.target)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		if test.header != "" {
			header.Set(test.header, "b/source")
		}
		found, _ := router.match(test.method, u.EscapedPath(), u.Query(), header)
		if found == nil || found.name != test.want {
			t.Errorf("%s %s is %+v, want %s", test.method, test.target, found, test.want)
		}
	}
}

// TestEveryRouteFindsItself builds a request from each route of the models; it must lead back to the operation.
func TestEveryRouteFindsItself(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"backup", "ebs", "s3"} {
		router := modelRouter(t, service)
		for method, routes := range router.routes {
			for _, r := range routes {
				path := r.literals[0]
				var want []string
				for i, l := range r.labels {
					value := "value" + l.field
					if l.wide {
						value = "arn:aws:x:eu-central-1:111111111111:a/b"
					}
					want = append(want, value)
					path += value + r.literals[i+1]
				}
				query := url.Values{}
				for name, value := range r.static {
					query.Set(name, value)
				}
				for _, b := range r.query {
					query.Set(b.wire, "x")
				}
				header := http.Header{}
				if r.header != "" {
					header.Set(r.header, "x")
				}
				found, values := router.match(method, path, query, header)
				if service == "s3" && r.name == "ListDirectoryBuckets" {
					continue // told from ListBuckets only by the host
				}
				if found != r || !reflect.DeepEqual(values, want) {
					t.Errorf("%s: %s %s?%s leads to %v with %q", r.name, method, path, query.Encode(), found, values)
				}
			}
		}
	}
}

func TestBucketOf(t *testing.T) {
	t.Parallel()
	domains := []string{"localhost", "amazonaws.com"}
	for host, want := range map[string]string{
		"127.0.0.1:4566": "", "localhost:4566": "", "s3.localhost:4566": "", "b.s3.localhost:4566": "b", "b.localhost": "b",
		"a.b.s3.eu-north-1.localhost": "a.b", "s3.eu-north-1.amazonaws.com": "", "b.s3.amazonaws.com": "b", "b.s3-eu-west-1.amazonaws.com": "b",
		"example.com": "", "[::1]:4566": "",
	} {
		if got := bucketOf(host, domains); got != want {
			t.Errorf("%s names %q, want %q", host, got, want)
		}
	}
}

func TestLooksLikeRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]bool{
		"eu-central-1": true, "us-gov-west-1": true, "ap-southeast-7": true, "": false, "nowhere": false, "eu-central": false, "eu-central-1a": false,
		"../../x-1": false, "eu--1": false, "EU-central-1": false,
	} {
		if got := looksLikeRegion(region); got != want {
			t.Errorf("%q: %t", region, got)
		}
	}
}
