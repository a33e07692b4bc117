package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/docdb"
	"github.com/aws/aws-sdk-go-v2/service/neptune"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
)

// TestDatabaseClientsAgreeWithRDS: DocumentDB and Neptune have clients and types of their own, but speak RDS's language to
// RDS's endpoint. Every operation of the three clients is sent to RDS's codec, and answered by it, with every field filled:
// what arrives is what was sent, either way.
func TestDatabaseClientsAgreeWithRDS(t *testing.T) {
	t.Parallel()
	var form url.Values
	var answer []byte
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if form, err = url.ParseQuery(string(body)); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(bytes.NewReader(answer)), Request: r}, nil
	})
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://rds.invalid"), HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	c := codec.New(model.For("rds"))
	ours := operationsOf(reflect.ValueOf(rds.NewFromConfig(cfg)))
	for client, methods := range map[string]map[string]reflect.Value{
		"rds": ours, "docdb": operationsOf(reflect.ValueOf(docdb.NewFromConfig(cfg))), "neptune": operationsOf(reflect.ValueOf(neptune.NewFromConfig(cfg))),
	} {
		for name, method := range methods {
			our, ok := ours[name]
			if !ok {
				t.Errorf("%s has an operation %s that RDS has not", client, name)
				continue
			}
			answered := reflect.New(our.Type().Out(0).Elem())
			fillAll(answered.Elem(), 1)
			answer = fmt.Appendf(nil, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", name, c.EncodeXML(answered.Interface(), false))
			sent := reflect.New(method.Type().In(1).Elem())
			fillAll(sent.Elem(), 1)
			results := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), sent})
			if err, failed := results[1].Interface().(error); failed {
				t.Errorf("%s: %s: %v", client, name, err)
				continue
			}
			if got := form.Get("Action"); got != name {
				t.Errorf("%s: %s asks for %s", client, name, got)
			}
			arrived := reflect.New(our.Type().In(1).Elem())
			if err := c.DecodeQuery(form, arrived.Interface()); err != nil {
				t.Errorf("%s: %s: %v", client, name, err)
				continue
			}
			agree(t, client+" sent "+name, sent.Elem(), arrived.Elem())
			agree(t, client+" was answered "+name, results[0].Elem(), answered.Elem())
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// operationsOf are the methods of a client that take an input, by name.
func operationsOf(client reflect.Value) map[string]reflect.Value {
	methods := map[string]reflect.Value{}
	for i := range client.NumMethod() {
		m := client.Method(i)
		if t := m.Type(); t.NumOut() == 2 && t.NumIn() == 3 && t.In(0) == reflect.TypeFor[context.Context]() {
			methods[client.Type().Method(i).Name] = m
		}
	}
	return methods
}

// fillAll sets every field below v to something.
func fillAll(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem(), depth)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d <&> é", depth))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(7 + depth))
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillAll(v.Index(i), depth+i)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		element := reflect.New(v.Type().Elem()).Elem()
		fillAll(element, depth)
		v.SetMapIndex(reflect.ValueOf("key"), element)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				fillAll(v.Field(i), depth+1)
			}
		}
	default:
		panic("RDS has no " + v.Kind().String())
	}
}

// agree compares the fields that a client's value has with those of the same name that RDS's value has.
func agree(t *testing.T, path string, client, ours reflect.Value) {
	t.Helper()
	switch client.Kind() {
	case reflect.Pointer:
		if client.IsNil() || ours.IsNil() {
			t.Errorf("%s: %v here, %v there", path, client, ours)
			return
		}
		agree(t, path, client.Elem(), ours.Elem())
	case reflect.Slice:
		if client.Len() != ours.Len() || client.Len() == 0 {
			t.Errorf("%s: %d elements here, %d there", path, client.Len(), ours.Len())
			return
		}
		for i := range client.Len() {
			agree(t, fmt.Sprintf("%s.%d", path, i), client.Index(i), ours.Index(i))
		}
	case reflect.Struct:
		if client.Type() == reflect.TypeFor[time.Time]() {
			if !client.Interface().(time.Time).Equal(ours.Interface().(time.Time)) {
				t.Errorf("%s: %v here, %v there", path, client, ours)
			}
			return
		}
		for i := range client.NumField() {
			f := client.Type().Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" || f.Name == "SourceRegion" { // which the client keeps, to presign a URL
				continue
			}
			other := ours.FieldByName(f.Name)
			if !other.IsValid() {
				t.Errorf("%s: RDS has no field %s", path, f.Name)
				continue
			}
			agree(t, path+"."+f.Name, client.Field(i), other)
		}
	default:
		if client.Kind() == reflect.String && client.String() == ours.String() {
			return // enumerations have types of their own in each client
		}
		if !reflect.DeepEqual(client.Interface(), ours.Interface()) {
			t.Errorf("%s: %v here, %v there", path, client, ours)
		}
	}
}
