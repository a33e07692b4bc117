package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"strongroom/internal/wire/model"
)

// clients makes the SDK's client of each service, by the name that requests are signed for.
var clients = map[string]func(aws.Config) any{
	"backup":        func(c aws.Config) any { return backup.NewFromConfig(c) },
	"cloudtrail":    func(c aws.Config) any { return cloudtrail.NewFromConfig(c) },
	"ebs":           func(c aws.Config) any { return ebs.NewFromConfig(c) },
	"ec2":           func(c aws.Config) any { return ec2.NewFromConfig(c) },
	"events":        func(c aws.Config) any { return eventbridge.NewFromConfig(c) },
	"iam":           func(c aws.Config) any { return iam.NewFromConfig(c) },
	"kms":           func(c aws.Config) any { return kms.NewFromConfig(c) },
	"lambda":        func(c aws.Config) any { return lambda.NewFromConfig(c) },
	"logs":          func(c aws.Config) any { return cloudwatchlogs.NewFromConfig(c) },
	"organizations": func(c aws.Config) any { return organizations.NewFromConfig(c) },
	"rds":           func(c aws.Config) any { return rds.NewFromConfig(c) },
	"s3":            func(c aws.Config) any { return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }) },
	"sns":           func(c aws.Config) any { return sns.NewFromConfig(c) },
	"sqs":           func(c aws.Config) any { return sqs.NewFromConfig(c) },
	"sts":           func(c aws.Config) any { return sts.NewFromConfig(c) },
	"tagging":       func(c aws.Config) any { return resourcegroupstaggingapi.NewFromConfig(c) },
}

// operation is a method of an SDK client.
type operation struct{ service, name string }

func (o operation) String() string { return o.service + ":" + o.name }

// call calls the operation as whoever the configuration is of, and returns its output without its body.
func (o operation) call(ctx context.Context, cfg aws.Config, values map[string]any) (any, error) {
	method := reflect.ValueOf(clients[o.service](cfg)).MethodByName(o.name)
	in := reflect.New(method.Type().In(1).Elem())
	f := filler{service: model.For(o.service), operation: o, values: values}
	if err := f.fill(in.Elem(), o.name+"Input", true); err != nil {
		return nil, err
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	for range 5 { // what is filled in may demand more
		if err, _ := out[1].Interface().(error); !f.demanded(in.Elem(), err) {
			break
		}
		out = method.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	}
	if err, failed := out[1].Interface().(error); failed {
		return nil, err
	}
	for _, name := range []string{"Body", "BlockData"} { // of S3's objects and EBS's blocks
		if field := out[0].Elem().FieldByName(name); field.IsValid() && !field.IsNil() {
			if err := field.Interface().(io.Closer).Close(); err != nil {
				return nil, err
			}
			field.SetZero()
		}
	}
	return out[0].Interface(), nil
}

// filler makes inputs: every member that the model requires, or of which there is a value where it knows nothing, and those that values names for the operation. A value is found
// as "service:Operation.Member", "service.Member" or, in whatever service, "Member".
type filler struct {
	service   *model.Service
	operation operation
	values    map[string]any
}

func (f *filler) fill(v reflect.Value, shape string, top bool) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		given, own := f.values[f.operation.String()+"."+field.Name]
		if !own || !top {
			given = f.given(field.Name)
			facts, known := f.service.Shapes[shape]
			if known && !facts[field.Name].Required || !known && (given == nil || !top) {
				continue
			}
		}
		if given == nil {
			made, err := f.make(field.Type, f.service.Shapes[shape][field.Name])
			if err != nil {
				return fmt.Errorf("%s.%s: %w", shape, field.Name, err)
			}
			v.Field(i).Set(made)
			continue
		}
		if err := put(v.Field(i), given); err != nil {
			return fmt.Errorf("%s.%s: %w", shape, field.Name, err)
		}
	}
	return nil
}

// demanded fills in the members of an input without which the SDK's client sends nothing, and reports whether there were
// any.
func (f *filler) demanded(in reflect.Value, err error) bool {
	var invalid smithy.InvalidParamsError
	if !errors.As(err, &invalid) {
		return false
	}
	for _, found := range missingField.FindAllStringSubmatch(invalid.Error(), -1) {
		field := memberAt(in, found[1])
		if !field.CanSet() {
			return false
		}
		if given := f.given(found[1]); given != nil {
			if put(field, given) != nil {
				return false
			}
			continue
		}
		made, err := f.make(field.Type(), model.Field{})
		if err != nil {
			return false
		}
		field.Set(made)
	}
	return true
}

var missingField = regexp.MustCompile(`missing required field, \w+Input\.([\w.\[\]]+)\.\n`)

// memberAt finds a member of an input by its path: Rules[0].Status.
func memberAt(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		name, index, listed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		v = v.FieldByName(name)
		if i, err := strconv.Atoi(index); listed && (err != nil || v.Kind() != reflect.Slice || i >= v.Len()) {
			return reflect.Value{}
		} else if listed {
			v = v.Index(i)
		}
	}
	return v
}

func (f *filler) given(member string) any {
	if value, ok := f.values[f.operation.service+"."+member]; ok {
		return value
	}
	return f.values[member]
}

// put sets a member to a value of a kind that fits.
func put(v reflect.Value, given any) error {
	if fn, ok := given.(func() any); ok { // of what a call uses up
		given = fn()
	}
	value := reflect.ValueOf(given)
	t := v.Type()
	switch {
	case value.Type().AssignableTo(t):
		v.Set(value)
	case t.Kind() == reflect.Pointer && value.Type().ConvertibleTo(t.Elem()) && value.Kind() == t.Elem().Kind():
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(value.Convert(t.Elem()))
	case t.Kind() == reflect.Pointer && value.CanInt() && reflect.Zero(t.Elem()).CanInt():
		v.Set(reflect.New(t.Elem()))
		v.Elem().SetInt(value.Int())
	case value.Kind() == t.Kind() && value.Type().ConvertibleTo(t):
		v.Set(value.Convert(t))
	case t.Kind() == reflect.Slice && value.Kind() != reflect.Slice:
		list := reflect.MakeSlice(t, 1, 1)
		if err := put(list.Index(0), given); err != nil {
			return err
		}
		v.Set(list)
	default:
		return fmt.Errorf("a %s does not take %T", t, given)
	}
	return nil
}

// text is as long as it has to be.
func text(facts model.Field) string {
	const short = "matrix"
	if facts.Length == nil {
		return short
	}
	if facts.Length.Min != nil && *facts.Length.Min > int64(len(short)) {
		return short + strings.Repeat("0", int(*facts.Length.Min)-len(short))
	}
	if facts.Length.Max != nil && *facts.Length.Max < int64(len(short)) {
		return short[:*facts.Length.Max]
	}
	return short
}

var readerType = reflect.TypeFor[io.Reader]()

// make makes a value that the facts of a member allow, as far as they tell.
func (f *filler) make(t reflect.Type, facts model.Field) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	switch {
	case t == readerType:
		v.Set(reflect.ValueOf(bytes.NewReader([]byte("matrix"))))
	case t == reflect.TypeFor[*time.Time]():
		v.Set(reflect.ValueOf(aws.Time(time.Now().Add(time.Hour))))
	case t.Kind() == reflect.Pointer:
		made, err := f.make(t.Elem(), facts)
		if err != nil {
			return v, err
		}
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(made)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		v.SetBytes([]byte("matrix"))
	case t.Kind() == reflect.Slice:
		made, err := f.make(t.Elem(), model.Field{})
		if err != nil {
			return v, err
		}
		v.Set(reflect.Append(v, made))
	case t.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(t))
	case t.Kind() == reflect.Struct:
		return v, f.fill(v, t.Name(), false)
	case t.Kind() == reflect.String:
		v.SetString(text(facts))
		if values := v.MethodByName("Values"); values.IsValid() {
			v.Set(values.Call(nil)[0].Index(0))
		}
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(1)
		if facts.Range != nil && facts.Range.Min != nil {
			v.SetInt(*facts.Range.Min)
		}
	case v.CanFloat():
		v.SetFloat(1)
	default:
		return v, fmt.Errorf("nothing makes a %s", t)
	}
	return v, nil
}
