package server

import (
	"log/slog"
	"reflect"
	"regexp"
	"testing"
	"time"

	"strongroom/internal/service/cloudtrail"
)

// secretName is how members are named that open something.
var secretName = regexp.MustCompile(`(?i)password$|secret|privatekey|customerkey$|assertion|token$|tokencode|grant_?tokens|authenticationcode|messagebody|receipthandle`)

// openName are members with such a name that open nothing: places in lists and in snapshots, names of requests, settings.
var openName = regexp.MustCompile(`^(Next|Continuation|NextContinuation|Client|Idempotency|ClientRequest|Pagination|NextRecord|(First|Second)?Block|NextForward|NextBackward|(Next|Upload)?Sequence)Token$|^(AllowUsersToChange|Hard|Expire)|^MD5Of|^SecretStatus$|Arn$|Id$`)

// TestRecordsHideSecrets walks the requests and answers of every operation: a text member whose name speaks of a secret is
// one that records hide.
func TestRecordsHideSecrets(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Dev: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	seen := map[reflect.Type]bool{}
	hidden := 0
	var walk func(operation string, typ reflect.Type)
	walk = func(operation string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(operation, typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[typ] || typ == reflect.TypeFor[time.Time]() {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" {
				continue
			}
			text := f.Type
			for text.Kind() == reflect.Pointer || text.Kind() == reflect.Slice {
				text = text.Elem()
			}
			if text.Kind() == reflect.String && secretName.MatchString(f.Name) && !openName.MatchString(f.Name) {
				hidden++
				if !cloudtrail.IsSecret(f.Name) {
					t.Errorf("%s: records show %s.%s", operation, typ, f.Name)
				}
			}
			walk(operation, f.Type)
		}
	}
	for name, service := range s.door.Services() {
		for _, op := range service.Operations {
			walk(name+":"+op.Name, op.In)
			walk(name+":"+op.Name, op.Out)
		}
	}
	if hidden < 10 {
		t.Errorf("the walk met %d secrets only", hidden)
	}
}
