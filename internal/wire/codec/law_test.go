package codec

import (
	"math/rand/v2"
	"net/url"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/wire/model"
)

// filler fills structures with random content.
type filler struct{ *rand.Rand }

func (r filler) text() string {
	letters := []rune("abcXYZ019 <>&\"'\\/%+=;.,:\r\n\té€😀\u0085")
	b := []rune{'x'}
	for range r.IntN(12) {
		b = append(b, letters[r.IntN(len(letters))])
	}
	return string(b)
}

func (r filler) structure(v reflect.Value, s *structure, depth int) {
	for i, f := range s.fields {
		// An empty structure has no spelling in a form, so one field is always set.
		if f.place == inBody && (r.IntN(4) > 0 || depth == 0 || i == 0) {
			r.fill(v.Field(f.index), f.shape, depth)
		}
	}
}

func (r filler) fill(v reflect.Value, sh *shape, depth int) {
	if depth > 4 && (sh.kind == structKind || sh.kind == listKind || sh.kind == mapKind) {
		return
	}
	if sh.kind == unsupported || sh.kind == streamKind {
		return
	}
	v = sh.at(v)
	switch sh.kind {
	case stringKind:
		v.SetString(r.text())
	case boolKind:
		v.SetBool(r.IntN(2) == 0)
	case intKind:
		v.SetInt(int64(int32(r.Uint32())))
	case floatKind:
		v.SetFloat(float64(r.Int32()) / 8)
	case timeKind:
		v.Set(reflect.ValueOf(time.UnixMilli(r.Int64N(4e12)).UTC()))
	case blobKind:
		v.SetBytes([]byte(r.text()))
	case listKind:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(12), 16))
		for i := range v.Len() {
			r.fill(v.Index(i), sh.elem, depth+1)
		}
	case mapKind:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + r.IntN(3) {
			element := reflect.New(v.Type().Elem()).Elem()
			r.fill(element, sh.elem, depth+1)
			v.SetMapIndex(reflect.ValueOf(r.text()).Convert(v.Type().Key()), element)
		}
	case structKind:
		r.structure(v, sh.fields, depth+1)
	default:
		panic("the kinds without a value are left out above")
	}
}

// roundTrip fills a value of T again and again; what code spells and reads again must be the same.
func roundTrip[T any](t *testing.T, service string, code func(*Codec, *T) (*T, error)) {
	t.Helper()
	c := New(model.For(service))
	for seed := range uint64(50) {
		r := filler{rand.New(rand.NewPCG(seed, 1))}
		want := new(T)
		v := reflect.ValueOf(want).Elem()
		r.structure(v, c.plan(v.Type()), 0)
		got, err := code(c, want)
		if err != nil {
			t.Fatalf("%T: %v", want, err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%T (-sent +got):\n%s", want, cmp.Diff(want, got, exportAll))
		}
	}
}

var exportAll = cmp.Exporter(func(reflect.Type) bool { return true })

func viaJSON[T any](c *Codec, in *T) (*T, error) {
	out := new(T)
	return out, c.DecodeJSON(c.EncodeJSON(in, false), out)
}

func viaXML[T any](c *Codec, in *T) (*T, error) {
	out := new(T)
	v := reflect.ValueOf(in).Elem()
	b := openStructure(nil, "Root", v, c.plan(v.Type()))
	b = append(b, c.EncodeXML(in, false)...)
	return out, c.DecodeXML(append(b, "</Root>"...), out)
}

func viaQuery[T any](c *Codec, in *T) (*T, error) {
	out := new(T)
	form := url.Values{}
	v := reflect.ValueOf(in).Elem()
	formOf(c, form, v, c.plan(v.Type()), "")
	return out, c.DecodeQuery(form, out)
}

// formOf spells a structure as the SDKs spell requests of the query protocols.
func formOf(c *Codec, form url.Values, v reflect.Value, s *structure, prefix string) {
	for _, f := range s.fields {
		if member, ok := f.shape.present(v.Field(f.index)); ok {
			formValue(c, form, member, f.shape, f, prefix+f.inName)
		}
	}
}

func formValue(c *Codec, form url.Values, v reflect.Value, sh *shape, f *field, name string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch sh.kind {
	case structKind:
		formOf(c, form, v, sh.fields, name+".")
	case listKind:
		if !f.facts.Flat && c.service.Protocol != model.EC2 {
			name += "." + c.item(f)
		}
		for i := range v.Len() {
			formValue(c, form, v.Index(i), sh.elem, f, name+"."+strconv.Itoa(i+1))
		}
	case mapKind:
		if !f.facts.Flat {
			name += ".entry"
		}
		for i, key := range sortedKeys(v) {
			form.Set(name+"."+strconv.Itoa(i+1)+"."+orElse(f.facts.Key, "key"), key.String())
			formValue(c, form, v.MapIndex(key), sh.elem, f, name+"."+strconv.Itoa(i+1)+"."+orElse(f.facts.Value, "value"))
		}
	default:
		form.Set(name, sh.text(v, ""))
	}
}

// TestRoundTrips: what a codec spells, it reads as the same.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	roundTrip(t, "backup", viaJSON[backup.CreateBackupPlanInput])
	roundTrip(t, "backup", viaJSON[backup.DescribeRecoveryPointOutput])
	roundTrip(t, "backup", viaJSON[backup.ListBackupJobsOutput])
	roundTrip(t, "kms", viaJSON[kms.CreateGrantInput])
	roundTrip(t, "kms", viaJSON[kms.DescribeKeyOutput])
	roundTrip(t, "kms", viaJSON[kms.GenerateDataKeyOutput])
	roundTrip(t, "organizations", viaJSON[organizations.ListAccountsOutput])
	roundTrip(t, "cloudtrail", viaJSON[cloudtrail.LookupEventsOutput])
	roundTrip(t, "iam", viaXML[iam.ListRolesOutput])
	roundTrip(t, "iam", viaXML[iam.SimulateCustomPolicyOutput])
	roundTrip(t, "sts", viaXML[sts.AssumeRoleOutput])
	roundTrip(t, "s3", viaXML[s3types.BucketLifecycleConfiguration])
	roundTrip(t, "s3", viaXML[s3types.AccessControlPolicy])
	roundTrip(t, "s3", viaXML[s3types.CORSConfiguration])
	roundTrip(t, "s3", viaXML[s3types.NotificationConfiguration])
	roundTrip(t, "s3", viaXML[s3types.ReplicationConfiguration])
	roundTrip(t, "s3", viaXML[s3types.CompletedMultipartUpload])
	roundTrip(t, "iam", viaQuery[iam.CreateRoleInput])
	roundTrip(t, "iam", viaQuery[iam.SimulateCustomPolicyInput])
	roundTrip(t, "sts", viaQuery[sts.AssumeRoleInput])
	roundTrip(t, "ec2", viaQuery[ec2.DescribeVolumesInput])
	roundTrip(t, "ec2", viaQuery[ec2.CreateVolumeInput])
	roundTrip(t, "ec2", viaQuery[ec2.ModifySnapshotAttributeInput])
	roundTrip(t, "ec2", viaQuery[ec2types.Filter])
}

// accepted is the law of the fuzz targets: a request that is accepted is spelled again and reads as the same.
func accepted[T any](t *testing.T, c *Codec, first *T, code func(*Codec, *T) (*T, error)) {
	t.Helper()
	second, err := code(c, first)
	if err != nil {
		t.Fatalf("accepted once, then refused: %v", err)
	}
	third, err := code(c, second)
	if err != nil || !reflect.DeepEqual(second, third) {
		t.Fatalf("read differently the second time, %v:\n%s", err, cmp.Diff(second, third, exportAll))
	}
	if !reflect.DeepEqual(first, second) {
		t.Fatalf("read differently:\n%s", cmp.Diff(first, second, exportAll))
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"BackupPlan":{"BackupPlanName":"p","Rules":[{"RuleName":"r","StartWindowMinutes":6e1,"Lifecycle":{"DeleteAfterDays":7},"RecoveryPointTags":{"a":null}},null]},"CreatorRequestId":"\ud800"}`))
	f.Add([]byte(`{"BackupPlanTags":{"a":"b"}}`))
	c := New(model.For("backup"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := new(backup.CreateBackupPlanInput)
		if c.DecodeJSON(data, in) == nil {
			accepted(t, c, in, viaJSON[backup.CreateBackupPlanInput])
		}
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(`<L xmlns="x"><Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Expiration><Date>2026-01-01T00:00:00Z</Date></Expiration></Rule><Rule/></L>`))
	c := New(model.For("s3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := new(s3types.BucketLifecycleConfiguration)
		if c.DecodeXML(data, in) == nil {
			accepted(t, c, in, viaXML[s3types.BucketLifecycleConfiguration])
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("TagSpecification.1.ResourceType=volume&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.3.Key=b&Size=8&Encrypted=TRUE")
	f.Add("TagSpecification=&TagSpecification.007.Tag=x")
	c := New(model.For("ec2"))
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		in := new(ec2.CreateVolumeInput)
		if c.DecodeQuery(form, in) == nil {
			// An empty list and an empty structure have no spelling in a form.
			second, err := viaQuery(c, in)
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, c, second, viaQuery[ec2.CreateVolumeInput])
		}
	})
}
