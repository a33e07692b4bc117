package wire

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func TestPostPolicies(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	form := func() *postForm {
		return &postForm{bucket: "bucket", fields: map[string]string{"key": "user/a", "policy": "x", "x-amz-signature": "x"}}
	}
	const expiration = `"expiration":"2026-01-01T00:00:01.000Z"`
	for _, test := range []struct {
		policy string
		want   string // in the refusal; "" for none
	}{
		{`{` + expiration + `,"conditions":[{"bucket":"bucket"},{"key":"user/a"}]}`, ""},
		{`{` + expiration + `,"conditions":[{"bucket":"bucket"},["starts-with","$Key","user/"]]}`, ""},
		{`{` + expiration + `,"conditions":[["EQ","$bucket","bucket"],["eq","$key","user/a"],["content-length-range",0,9]]}`, ""},
		{`{` + expiration + `,"conditions":[{"bucket":"other"},{"key":"user/a"}]}`, `Policy Condition failed: ["eq", "$bucket", "other"]`},
		{`{` + expiration + `,"conditions":[{"key":"user/a"}]}`, "Extra input fields: bucket"},
		{`{` + expiration + `,"conditions":[{"bucket":"bucket"}]}`, "Extra input fields: key"},
		{`{` + expiration + `,"conditions":[{"bucket":"bucket"},["starts-with","$key","else/"]]}`, "Policy Condition failed"},
		{`{` + expiration + `,"conditions":[{"bucket":"bucket"},["ends-with","$key","a"]]}`, "Invalid Condition"},
		{`{` + expiration + `,"conditions":[{"bucket":"bucket"},["eq","key","user/a"]]}`, "Invalid Condition"},
		{`{` + expiration + `,"conditions":[["content-length-range",9,1]]}`, "Invalid content-length-range"},
		{`{` + expiration + `}`, "missing conditions"},
		{`{"conditions":[]}`, "missing expiration"},
		{`{"expiration":"tomorrow","conditions":[]}`, "Invalid 'expiration'"},
		{`{"expiration":"2026-01-01T00:00:00Z","conditions":[]}`, "Policy expired."},
		{`no policy`, "Invalid JSON"},
	} {
		p, err := parsePostPolicy(base64.StdEncoding.EncodeToString([]byte(test.policy)))
		if err == nil {
			err = p.hold(form(), now)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.policy, err, test.want)
		}
	}
	if _, err := parsePostPolicy("%"); err == nil {
		t.Error("what is no base64 is a policy")
	}
}
