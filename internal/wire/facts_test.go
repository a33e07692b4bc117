package wire_test

import (
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/wire/model"
)

// TestFactsNameWhatExists: each structure and field of a model's file is one of the SDK's, and each operation the SDK
// has is known by name. A fact about a field that does not exist would be dead, and its field wrong on the wire.
func TestFactsNameWhatExists(t *testing.T) {
	t.Parallel()
	clients := map[string]reflect.Type{
		"backup":        reflect.TypeFor[*backup.Client](),
		"cloudtrail":    reflect.TypeFor[*cloudtrail.Client](),
		"ebs":           reflect.TypeFor[*ebs.Client](),
		"ec2":           reflect.TypeFor[*ec2.Client](),
		"iam":           reflect.TypeFor[*iam.Client](),
		"lambda":        reflect.TypeFor[*lambda.Client](),
		"kms":           reflect.TypeFor[*kms.Client](),
		"organizations": reflect.TypeFor[*organizations.Client](),
		"rds":           reflect.TypeFor[*rds.Client](),
		"tagging":       reflect.TypeFor[*resourcegroupstaggingapi.Client](),
		"s3":            reflect.TypeFor[*s3.Client](),
		"sts":           reflect.TypeFor[*sts.Client](),
	}
	for name, client := range clients {
		structs := map[string]reflect.Type{}
		facts := model.For(name)
		for method := range client.Methods() {
			if method.Name == "Options" || method.Type.NumOut() != 2 {
				continue
			}
			if _, known := facts.Operations[method.Name]; !known {
				t.Errorf("%s.txt does not know the operation %s", name, method.Name)
			}
			collect(method.Type.In(2).Elem(), structs)
			collect(method.Type.Out(0).Elem(), structs)
		}
		for shape, fields := range facts.Shapes {
			goType, ok := structs[shape]
			if !ok {
				t.Errorf("%s.txt: there is no %s", name, shape)
				continue
			}
			for field := range fields {
				if _, ok := goType.FieldByName(field); !ok {
					t.Errorf("%s.txt: %s has no field %s", name, shape, field)
				}
			}
		}
	}
}

// collect gathers the structures that t reaches, by name.
func collect(t reflect.Type, into map[string]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(t.Elem(), into)
	case reflect.Struct:
		if into[t.Name()] != nil || t == reflect.TypeFor[time.Time]() {
			return
		}
		into[t.Name()] = t
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Name != "ResultMetadata" && f.Type != reflect.TypeFor[io.ReadCloser]() {
				collect(f.Type, into)
			}
		}
	default: // no structure lies below
	}
}
