package filter_test

import (
	"testing"

	"strongroom/internal/service/logs/filter"
)

const document = `{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"], "status": 404,
	"objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true, "latency": 0.05, "user": {"name": "John", "e.mail": "j@x"}}`

// The patterns are of the kinds that the documentation explains:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, event string
		want           bool
	}{
		{``, `anything`, true},
		{`ERROR`, `[ERROR 400] BAD REQUEST`, true},
		{`ERROR`, `error`, false},
		{`ERROR ARGUMENTS`, `[ERROR 419] MISSING ARGUMENTS`, true},
		{`ERROR ARGUMENTS`, `[ERROR 401] UNAUTHORIZED REQUEST`, false},
		{`?ERROR ?ARGUMENTS`, `[ERROR 401] UNAUTHORIZED REQUEST`, true},
		{`?ERROR ?ARGUMENTS`, `a WARNING`, false},
		{`ERROR -ARGUMENTS`, `[ERROR 401] UNAUTHORIZED REQUEST`, true},
		{`ERROR -ARGUMENTS`, `[ERROR 419] MISSING ARGUMENTS`, false},
		{`-"NOT THIS"`, `but that`, true},
		{`-"NOT THIS"`, `NOT THIS`, false},
		{`"INTERNAL SERVER ERROR"`, `[ERROR 500] INTERNAL SERVER ERROR`, true},
		{`"INTERNAL SERVER ERROR"`, `INTERNAL ERROR SERVER`, false},
		{`"a \"b\""`, `he said a "b"`, true},
		{`?ERROR WARN`, `WARN`, true},
		{`?ERROR WARN`, `ERROR`, false},
		{`%AUTHORIZED%`, `[ERROR 401] UNAUTHORIZED REQUEST`, true},
		{`%ERROR [45]\d\d%`, `[ERROR 401]`, true},
		{`%ERROR [45]\d\d%`, `[ERROR 301]`, false},

		{`{ $.eventType = "UpdateTrail" }`, document, true},
		{`{ $.eventType = UpdateTrail }`, document, true},
		{`{ $.eventType != "UpdateTrail" }`, document, false},
		{`{ $.sourceIPAddress = 111.111.* }`, document, true},
		{`{ $.sourceIPAddress != 123.123.* }`, document, true},
		{`{ $.arrayKey[0] = "value" }`, document, true},
		{`{ $.arrayKey[2] = "value" }`, document, false},
		{`{ $.objectList[1].id = 2 }`, document, true},
		{`{ $.SomeObject IS NULL }`, document, true},
		{`{ $.SomeOtherObject NOT EXISTS }`, document, true},
		{`{ $.eventType NOT EXISTS }`, document, false},
		{`{ $.ThisFlag IS TRUE }`, document, true},
		{`{ $.user IS FALSE }`, document, false},
		{`{ $.status >= 400 && $.status < 500 }`, document, true},
		{`{ $.status > 404 }`, document, false},
		{`{ $.latency = 5e-2 }`, document, true},
		{`{ $.status = 1 || $.eventType = "Up*" && $.ThisFlag IS FALSE }`, document, false},
		{`{ ($.status = 404 || $.eventType = "X") && $.user.name = "John" }`, document, true},
		{`{ $.user["e.mail"] = "j@x" }`, document, true},
		{`{ $.eventType = %^Update% }`, document, true},
		{`{ $.absent != "x" }`, document, false},
		{`{ $.status = 404 }`, `no JSON`, false},
		{`{ $.status = 404 }`, `null`, false},
	} {
		match, err := filter.Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := match(c.event); got != c.want {
			t.Errorf("%s on %s: %v, want %v", c.pattern, c.event, got, c.want)
		}
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		`a-b`, `"open`, `""`, `?`, `%(%`, `%open`, `{ $.a }`, `{ $.a = }`, `{ a = 1 }`, `{ $.a = 1`, `{ ($.a = 1 }`, `{ $.a > "x" }`, `{ $ = 1 }`, `{ $.a = 1 } x`, `{}`, `[a, b]`,
	} {
		if _, err := filter.Parse(pattern); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`a -b ?c "d"`, `{ $.a[0].b = "x*" && ($.c IS NULL || $.d >= 3) }`, `%a|b%`} {
		f.Add(seed, document)
	}
	f.Fuzz(func(t *testing.T, pattern, event string) {
		match, err := filter.Parse(pattern)
		if err != nil {
			return
		}
		if match(event) != match(event) { //nolint:staticcheck // the law: the same question has the same answer
			t.Errorf("%q on %q is undecided", pattern, event)
		}
	})
}
