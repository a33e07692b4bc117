package pattern_test

import (
	"errors"
	"testing"

	"strongroom/internal/service/events/pattern"
)

const event = `{
	"source": "aws.backup", "detail-type": "Copy Job State Change", "resources": ["arn:a", "arn:b"], "region": "",
	"detail": {"state": "COMPLETED", "size": 300, "ratio": 3.5e1, "ok": true, "nothing": null, "ip": "10.0.0.7", "name": "Vault-One.TXT",
		"empty": [], "steps": [{"kind": "copy", "n": 1}, {"kind": "move", "n": 2}], "path": "a/b*c/d"}
}`

func TestMatch(t *testing.T) {
	t.Parallel()
	parsed, err := pattern.Decode([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	for document, want := range map[string]bool{
		`{"source": ["aws.backup"]}`: true,
		`{"source": ["aws.s3", "aws.backup"], "detail": {"state": ["COMPLETED"]}}`: true,
		`{"source": ["aws.backup"], "detail": {"state": ["FAILED"]}}`:              false,
		`{"resources": ["arn:b"]}`:                                                           true,
		`{"resources": ["arn:c"]}`:                                                           false,
		`{"resources": [{"anything-but": ["arn:a"]}]}`:                                       true,
		`{"resources": [{"anything-but": ["arn:a", "arn:b"]}]}`:                              false,
		`{"region": [""]}`:                                                                   true,
		`{"detail": {"size": [300.0]}}`:                                                      true,
		`{"detail": {"size": ["300"]}}`:                                                      false,
		`{"detail": {"ratio": [35]}}`:                                                        true,
		`{"detail": {"ok": [true]}}`:                                                         true,
		`{"detail": {"nothing": [null]}}`:                                                    true,
		`{"detail": {"none": [null]}}`:                                                       false,
		`{"detail": {"state": [{"prefix": "COMP"}]}}`:                                        true,
		`{"detail": {"state": [{"prefix": {"equals-ignore-case": "comp"}}]}}`:                true,
		`{"detail": {"name": [{"suffix": ".TXT"}]}}`:                                         true,
		`{"detail": {"name": [{"suffix": ".txt"}]}}`:                                         false,
		`{"detail": {"name": [{"suffix": {"equals-ignore-case": ".txt"}}]}}`:                 true,
		`{"detail": {"name": [{"equals-ignore-case": "vault-one.txt"}]}}`:                    true,
		`{"detail": {"name": [{"wildcard": "Vault-*.T*T"}]}}`:                                true,
		`{"detail": {"name": [{"wildcard": "Vault-*.t*"}]}}`:                                 false,
		`{"detail": {"path": [{"wildcard": "a/b\\*c/*"}]}}`:                                  true,
		`{"detail": {"path": [{"wildcard": "a/b\\*d/*"}]}}`:                                  false,
		`{"detail": {"name": [{"wildcard": "*"}]}}`:                                          true,
		`{"detail": {"state": [{"anything-but": "FAILED"}]}}`:                                true,
		`{"detail": {"state": [{"anything-but": {"prefix": "COMP"}}]}}`:                      false,
		`{"detail": {"state": [{"anything-but": {"suffix": ["X", "Y"]}}]}}`:                  true,
		`{"detail": {"state": [{"anything-but": {"equals-ignore-case": "completed"}}]}}`:     false,
		`{"detail": {"state": [{"anything-but": {"wildcard": "*PLET*"}}]}}`:                  false,
		`{"detail": {"absent": [{"anything-but": "x"}]}}`:                                    false,
		`{"detail": {"size": [{"anything-but": [299, 301]}]}}`:                               true,
		`{"detail": {"size": [{"numeric": [">", 0, "<=", 300]}]}}`:                           true,
		`{"detail": {"size": [{"numeric": [">", 300]}]}}`:                                    false,
		`{"detail": {"size": [{"numeric": ["=", 3e2]}]}}`:                                    true,
		`{"detail": {"state": [{"numeric": ["=", 1]}]}}`:                                     false,
		`{"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}`:                                      true,
		`{"detail": {"ip": [{"cidr": "10.0.1.0/24"}]}}`:                                      false,
		`{"detail": {"state": [{"exists": true}]}}`:                                          true,
		`{"detail": {"state": [{"exists": false}]}}`:                                         false,
		`{"detail": {"createdBy": {"backupPlanArn": [{"exists": false}]}}}`:                  true,
		`{"detail": {"createdBy": {"backupPlanArn": [{"exists": true}]}}}`:                   false,
		`{"detail": {"empty": [{"exists": false}]}}`:                                         true,
		`{"detail": {"steps": {"kind": ["copy"], "n": [1]}}}`:                                true,
		`{"detail": {"steps": {"kind": ["copy"], "n": [2]}}}`:                                false, // not of one element
		`{"$or": [{"source": ["aws.s3"]}, {"detail": {"size": [{"numeric": ["<", 400]}]}}]}`: true,
		`{"$or": [{"source": ["aws.s3"]}, {"detail": {"size": [{"numeric": [">", 400]}]}}]}`: false,
		`{"detail": {"$or": [{"state": ["FAILED"]}, {"ok": [true]}], "size": [300]}}`:        true,
		`{"detail": {"$or": [{"state": ["FAILED"]}, {"ok": [true]}], "size": [301]}}`:        false,
	} {
		p, err := pattern.Parse([]byte(document))
		if err != nil {
			t.Errorf("%s: %v", document, err)
		} else if got := p.Match(parsed); got != want {
			t.Errorf("%s: %v, want %v", document, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		``, `[]`, `{}`, `{"a": "x"}`, `{"a": []}`, `{"a": {}}`, `{"a": [[1]]}`, `{"a": [{"colour": "x"}]}`, `{"a": [{"prefix": 1}]}`,
		`{"a": [{"numeric": [">"]}]}`, `{"a": [{"numeric": ["<", 5, ">", 1]}]}`, `{"a": [{"numeric": [">", 5, "<", 1]}]}`, `{"a": [{"numeric": ["~", 5]}]}`,
		`{"a": [{"cidr": "10.0.0/8"}]}`, `{"a": [{"exists": "yes"}]}`, `{"a": [{"wildcard": "a**b"}]}`, `{"a": [{"wildcard": "a\\b"}]}`,
		`{"a": [{"anything-but": []}]}`, `{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}`, `{"a": [{"prefix": "x", "suffix": "y"}]}`, `{"a": ["x"]} {}`,
	} {
		if _, err := pattern.Parse([]byte(document)); err == nil {
			t.Errorf("%s was taken", document)
		} else if _, ok := errors.AsType[*pattern.Error](err); !ok {
			t.Errorf("%s: %v is no Error", document, err)
		}
	}
}

// FuzzParse: what parses matches or does not, and an alternative of a pattern with itself is that pattern.
func FuzzParse(f *testing.F) {
	f.Add(`{"detail": {"state": [{"anything-but": {"prefix": "COMP"}}]}}`)
	f.Add(`{"$or": [{"a": [1]}, {"b": [{"numeric": [">", 1]}]}]}`)
	parsed, err := pattern.Decode([]byte(event))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document string) {
		p, err := pattern.Parse([]byte(document))
		if err != nil {
			return
		}
		either, err := pattern.Parse([]byte(`{"$or": [` + document + `, ` + document + `]}`))
		if err != nil {
			t.Fatalf("%s parses, and as an alternative not: %v", document, err)
		}
		if p.Match(parsed) != either.Match(parsed) {
			t.Errorf("%s matches by itself: %v", document, p.Match(parsed))
		}
	})
}
