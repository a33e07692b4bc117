package pattern_test

import (
	"testing"

	"strongroom/internal/service/events/pattern"
)

// sample is the event of the examples of the documentation and of AWS's matching library.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
// https://github.com/aws/event-ruler
const sample = `{
	"version": "0", "id": "ddddd4-aaaa-7777-4444-345dd43cc333", "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
	"account": "012345679012", "time": "2017-10-02T16:24:49Z", "region": "us-east-1", "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"],
	"detail": {
		"c-count": 5, "d-count": 3, "x-limit": 301.8, "source-ip": "10.0.0.33", "instance-id": "i-000000aaaaaa00000", "state": "running",
		"FileName": "dir/pic.png", "FilePath": "/usr/lib/x", "eventVersion": "", "responseElements": null, "big": 4999999999, "small": -0.000001, "account-id": 123456789012,
		"v6": "2001:db8::1", "colours": ["Red", "Blue"], "mixed": ["x", 7, null, true], "none": [], "object": {}, "deep": {"deeper": {"deepest": ["a", ["b"]]}},
		"list": [{"k": "one", "v": [1, 2]}, {"k": "two", "v": [3]}]
	}
}`

// Each operator in each of its forms, as it matches and as it does not.
func TestOperators(t *testing.T) {
	t.Parallel()
	event, err := pattern.Decode([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		operator, pattern string
		want              bool
	}{
		{"equal", `{"detail-type": ["EC2 Instance State-change Notification"], "detail": {"state": ["initializing", "running"]}}`, true},
		{"equal", `{"detail": {"state": ["Running"]}}`, false},
		{"equal", `{"resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"]}`, true},
		{"equal", `{"detail": {"colours": ["Green", "Blue"]}}`, true},
		{"equal", `{"detail": {"colours": ["Green"]}}`, false},
		{"equal", `{"detail": {"mixed": [7]}}`, true},
		{"equal", `{"detail": {"mixed": [null]}}`, true},
		{"equal", `{"detail": {"mixed": [true]}}`, true},
		{"equal", `{"detail": {"mixed": ["true"]}}`, false},
		{"equal", `{"detail": {"x-limit": [3.018e2]}}`, true},
		{"equal", `{"detail": {"account-id": [123456789012]}}`, true},
		{"equal", `{"detail": {"c-count": ["5"]}}`, false},
		{"equal", `{"detail": {"deep": {"deeper": {"deepest": ["b"]}}}}`, true},
		{"equal", `{"detail": {"state": {"deeper": ["running"]}}}`, false},

		{"empty", `{"detail": {"eventVersion": [""]}}`, true},
		{"empty", `{"detail": {"state": [""]}}`, false},
		{"null", `{"detail": {"responseElements": [null]}}`, true},
		{"null", `{"detail": {"eventVersion": [null]}}`, false},
		{"null", `{"detail": {"absent": [null]}}`, false},

		{"prefix", `{"time": [{"prefix": "2017-10-02"}]}`, true},
		{"prefix", `{"time": [{"prefix": "2017-10-03"}]}`, false},
		{"prefix", `{"detail": {"c-count": [{"prefix": "5"}]}}`, false},
		{"prefix", `{"detail": {"colours": [{"prefix": "Bl"}]}}`, true},
		{"prefix ignoring case", `{"source": [{"prefix": {"equals-ignore-case": "AWS."}}]}`, true},
		{"prefix ignoring case", `{"source": [{"prefix": {"equals-ignore-case": "EC2"}}]}`, false},
		{"suffix", `{"source": [{"suffix": "ec2"}]}`, true},
		{"suffix", `{"detail": {"FileName": [{"suffix": ".PNG"}]}}`, false},
		{"suffix ignoring case", `{"detail": {"FileName": [{"suffix": {"equals-ignore-case": ".PNG"}}]}}`, true},
		{"suffix ignoring case", `{"detail": {"FileName": [{"suffix": {"equals-ignore-case": ".jpg"}}]}}`, false},
		{"equals-ignore-case", `{"source": [{"equals-ignore-case": "AWS.EC2"}]}`, true},
		{"equals-ignore-case", `{"source": [{"equals-ignore-case": "EC2"}]}`, false},
		{"wildcard", `{"detail": {"FileName": [{"wildcard": "dir/*.png"}]}}`, true},
		{"wildcard", `{"detail": {"FileName": [{"wildcard": "*/*"}]}}`, true},
		{"wildcard", `{"detail": {"FileName": [{"wildcard": "dir/*.jpg"}]}}`, false},
		{"wildcard", `{"detail": {"FileName": [{"wildcard": "dir/pic.png*"}]}}`, true},
		{"wildcard", `{"detail": {"FileName": [{"wildcard": "*.png*.png"}]}}`, false},
		{"wildcard", `{"detail": {"eventVersion": [{"wildcard": "*"}]}}`, true},

		{"anything-but", `{"detail": {"state": [{"anything-but": "initializing"}]}}`, true},
		{"anything-but", `{"detail": {"state": [{"anything-but": "running"}]}}`, false},
		{"anything-but", `{"detail": {"x-limit": [{"anything-but": 123}]}}`, true},
		{"anything-but", `{"detail": {"x-limit": [{"anything-but": 301.80}]}}`, false},
		{"anything-but", `{"detail": {"responseElements": [{"anything-but": "x"}]}}`, true},
		{"anything-but", `{"detail": {"absent": [{"anything-but": "x"}]}}`, false},
		{"anything-but a list", `{"detail": {"state": [{"anything-but": ["stopped", "overloaded"]}]}}`, true},
		{"anything-but a list", `{"detail": {"state": [{"anything-but": ["stopped", "running"]}]}}`, false},
		{"anything-but a list", `{"detail": {"x-limit": [{"anything-but": [100, 200, 300]}]}}`, true},
		{"anything-but a list", `{"detail": {"colours": [{"anything-but": ["Red"]}]}}`, true},
		{"anything-but a list", `{"detail": {"colours": [{"anything-but": ["Red", "Blue"]}]}}`, false},
		{"anything-but a prefix", `{"region": [{"anything-but": {"prefix": "us-"}}]}`, false},
		{"anything-but a prefix", `{"region": [{"anything-but": {"prefix": ["eu-", "ap-"]}}]}`, true},
		{"anything-but a suffix", `{"detail": {"FileName": [{"anything-but": {"suffix": ".png"}}]}}`, false},
		{"anything-but a suffix", `{"detail": {"FileName": [{"anything-but": {"suffix": [".txt", ".jpg"]}}]}}`, true},
		{"anything-but ignoring case", `{"detail": {"state": [{"anything-but": {"equals-ignore-case": "RUNNING"}}]}}`, false},
		{"anything-but ignoring case", `{"detail": {"state": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]}}`, true},
		{"anything-but a wildcard", `{"detail": {"FilePath": [{"anything-but": {"wildcard": "*/lib/*"}}]}}`, false},
		{"anything-but a wildcard", `{"detail": {"FilePath": [{"anything-but": {"wildcard": ["*/bin/*", "*.txt"]}}]}}`, true},

		{"numeric", `{"detail": {"c-count": [{"numeric": [">", 0, "<=", 5]}], "d-count": [{"numeric": ["<", 10]}], "x-limit": [{"numeric": ["=", 3.018e2]}]}}`, true},
		{"numeric", `{"detail": {"c-count": [{"numeric": [">", 0, "<", 5]}]}}`, false},
		{"numeric", `{"detail": {"c-count": [{"numeric": [">=", 5]}]}}`, true},
		{"numeric", `{"detail": {"big": [{"numeric": [">", 4999999998, "<", 5000000000]}]}}`, true},
		{"numeric", `{"detail": {"small": [{"numeric": ["<", 0]}]}}`, true},
		{"numeric", `{"detail": {"state": [{"numeric": [">", 0]}]}}`, false},
		{"numeric", `{"detail": {"mixed": [{"numeric": ["=", 7]}]}}`, true},

		{"cidr", `{"detail": {"source-ip": [{"cidr": "10.0.0.0/24"}]}}`, true},
		{"cidr", `{"detail": {"source-ip": [{"cidr": "10.0.1.0/24"}]}}`, false},
		{"cidr", `{"detail": {"source-ip": [{"cidr": "10.0.0.33/32"}]}}`, true},
		{"cidr", `{"detail": {"v6": [{"cidr": "2001:db8::/32"}]}}`, true},
		{"cidr", `{"detail": {"v6": [{"cidr": "2001:db9::/32"}]}}`, false},
		{"cidr", `{"detail": {"state": [{"cidr": "0.0.0.0/0"}]}}`, false},

		{"exists", `{"detail": {"c-count": [{"exists": true}]}}`, true},
		{"exists", `{"detail": {"e-count": [{"exists": false}]}}`, true},
		{"exists", `{"detail": {"c-count": [{"exists": false}]}}`, false},
		{"exists", `{"detail": {"responseElements": [{"exists": true}]}}`, true},
		{"exists", `{"detail": {"deep": [{"exists": true}]}}`, false},
		{"exists", `{"detail": {"deep": [{"exists": false}]}}`, true},
		{"exists", `{"detail": {"none": [{"exists": true}]}}`, false},
		{"exists", `{"detail": {"object": [{"exists": false}]}}`, true},
		{"exists", `{"absent": {"absent": [{"exists": false}]}}`, true},

		{"one element of a list", `{"detail": {"list": {"k": ["two"], "v": [3]}}}`, true},
		{"one element of a list", `{"detail": {"list": {"k": ["one"], "v": [3]}}}`, false},

		{"$or", `{"source": ["aws.ec2"], "$or": [{"detail": {"c-count": [7]}}, {"detail": {"d-count": [3]}}]}`, true},
		{"$or", `{"source": ["aws.ec2"], "$or": [{"detail": {"c-count": [7]}}, {"detail": {"d-count": [4]}}]}`, false},
		{"$or", `{"$or": [{"source": ["x"]}, {"region": ["us-east-1"], "$or": [{"account": ["x"]}, {"version": ["0"]}]}]}`, true},
		{"$or", `{"$or": [{"source": ["x"]}, {"region": ["us-east-1"], "$or": [{"account": ["x"]}, {"version": ["1"]}]}]}`, false},
		{"$or", `{"$or": [{"source": ["aws.ec2"]}, {"source": ["x"]}], "detail": {"$or": [{"state": ["x"]}, {"c-count": [{"numeric": ["<", 6]}]}]}}`, true},
		{"$or of several operators", `{"detail": {"$or": [{"c-count": [{"numeric": [">", 5]}]}, {"d-count": [{"numeric": ["<", 10]}]}, {"x-limit": [{"numeric": ["=", 3.018e2]}]}]}}`, true},
		{"a field $or", `{"$or": [{"prefix": "a"}, {"suffix": "b"}]}`, false},
		{"several tests", `{"detail": {"state": [{"prefix": "init"}, {"suffix": "ning"}]}}`, true},
	} {
		p, err := pattern.Parse([]byte(c.pattern))
		if err != nil {
			t.Errorf("%s: %s: %v", c.operator, c.pattern, err)
		} else if got := p.Match(event); got != c.want {
			t.Errorf("%s: %s: %v, want %v", c.operator, c.pattern, got, c.want)
		}
	}
}

// What is no pattern is refused in the words that clients know.
func TestReasonsOfRefusals(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"a": "x"}`:                                                 `"a" must be an object or an array`,
		`{"a": []}`:                                                  `Empty arrays are not allowed`,
		`[]`:                                                         `Filter is not an object`,
		`{"a": [{"colour": "x"}]}`:                                   `Unrecognized match type colour`,
		`{"a": [{"anything-but": null}]}`:                            `Value of anything-but must be an array or single string/number value.`,
		`{"a": [{"anything-but": true}]}`:                            `Value of anything-but must be an array or single string/number value.`,
		`{"a": [{"anything-but": ["x", 1]}]}`:                        `Inside anything but list, either all values are number or string, mixed type is not supported`,
		`{"a": [{"anything-but": []}]}`:                              `Inside anything but list, either all values are number or string, mixed type is not supported`,
		`{"a": [{"anything-but": [null]}]}`:                          `Inside anything but list, start|null|boolean is not supported.`,
		`{"a": [{"anything-but": {"prefix": ""}}]}`:                  `Null prefix/suffix not allowed`,
		`{"a": [{"anything-but": {"numeric": [">", 1]}}]}`:           `Unsupported anything-but pattern: numeric`,
		`{"a": [{"numeric": ">"}]}`:                                  `Value of numeric must be an array.`,
		`{"a": [{"numeric": ["<", "5"]}]}`:                           `Value of < must be numeric`,
		`{"a": [{"numeric": ["!", 5]}]}`:                             `Unrecognized numeric range operator: !`,
		`{"a": [{"numeric": [">", 5, "<", 5]}]}`:                     `Bottom must be less than top`,
		`{"a": [{"exists": 1}]}`:                                     `exists match pattern must be either true or false.`,
		`{"a": [{"wildcard": "a**"}]}`:                               `Consecutive wildcard characters at pos 1`,
		`{"a": [{"wildcard": "a\\x"}]}`:                              `Invalid escape character at pos 1`,
		`{"a": [{"cidr": "10.0.0.0/x"}]}`:                            `Malformed CIDR, one '/' required`,
		`{"a": [{"equals-ignore-case": 1}]}`:                         `equals-ignore-case match pattern must be a string`,
		`{"a": [{"suffix": 1}]}`:                                     `suffix match pattern must be a string`,
		`{"a": [[1]]}`:                                               `Match value must be String, number, true, false, or null at "a"`,
		`{"a": [{"prefix": "x", "suffix": "y"}]}`:                    `Only one key allowed in match expression at "a"`,
		`{"a": [{"prefix": {"equals-ignore-case": "x", "y": "z"}}]}`: `prefix match pattern must be a string`,
	} {
		_, err := pattern.Parse([]byte(document))
		if err == nil || err.Error() != "Event pattern is not valid. Reason: "+want {
			t.Errorf("%s: %v, want %s", document, err, want)
		}
	}
}
