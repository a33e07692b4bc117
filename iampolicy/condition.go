package iampolicy

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// condition is a compiled [Condition]. Only the slice of its operator's family is filled; a value that cannot be read
// as its family wants (a network that is none) is left out and so matches nothing.
type condition struct {
	operator
	key      string // in lower case
	patterns []pattern
	arns     []arnPattern
	numbers  []*big.Rat
	dates    []time.Time
	binaries [][]byte
	networks []netip.Prefix
	truths   []bool
}

func compileCondition(o operator, source Condition, variables bool) condition {
	c := condition{operator: o, key: strings.ToLower(source.Key)}
	for _, text := range source.Values {
		c.addValue(text, variables)
	}
	return c
}

// addValue compiles one value and reports whether the operator's family could read it.
func (c *condition) addValue(text string, variables bool) bool {
	ok := true
	switch c.family {
	case stringFamily, foldFamily:
		c.patterns = append(c.patterns, compilePattern(text, false, variables))
	case likeFamily:
		c.patterns = append(c.patterns, compilePattern(text, true, variables))
	case arnFamily:
		c.arns = append(c.arns, compileARN(text, variables))
	case numberFamily:
		var number *big.Rat
		if number, ok = parseNumber(text); ok {
			c.numbers = append(c.numbers, number)
		}
	case dateFamily:
		var date time.Time
		if date, ok = parseDate(text); ok {
			c.dates = append(c.dates, date)
		}
	case binaryFamily:
		data, err := base64.StdEncoding.DecodeString(text)
		if ok = err == nil; ok {
			c.binaries = append(c.binaries, data)
		}
	case addressFamily:
		var network netip.Prefix
		if network, ok = parseNetwork(text); ok {
			c.networks = append(c.networks, network)
		}
	case boolFamily, nullFamily:
		var truth bool
		if truth, ok = parseBool(text); ok {
			c.truths = append(c.truths, truth)
		}
	}
	return ok
}

// holds reports whether the condition is met, by the tables of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
func (c *condition) holds(e *environment) bool {
	values, exists := e.values(c.key)
	if c.family == nullFamily {
		return c.matchTruth(!exists)
	}
	switch c.qualifier {
	case forAllValues:
		return isNull(values) || c.allMatch(values, e)
	case forAnyValue:
		if isNull(values) {
			return c.ifExists && !exists
		}
		for _, value := range values {
			if c.matches(value, e) != c.negated {
				return true
			}
		}
		return false
	case single:
	}
	if !exists {
		return c.ifExists || c.negated
	}
	if c.negated {
		return c.allMatch(values, e)
	}
	for _, value := range values {
		if c.matches(value, e) {
			return true
		}
	}
	return false
}

func (c *condition) allMatch(values []string, e *environment) bool {
	for _, value := range values {
		if c.matches(value, e) == c.negated {
			return false
		}
	}
	return true
}

// isNull reports whether a set of values counts as empty to ForAllValues and ForAnyValue: no value, or an empty text.
func isNull(values []string) bool {
	return len(values) == 0 || len(values) == 1 && values[0] == ""
}

// matches compares one value of the request with the condition's values, of which one must fit. Negation is the
// caller's business.
func (c *condition) matches(value string, e *environment) bool {
	switch c.family {
	case stringFamily, likeFamily:
		for i := range c.patterns {
			if c.patterns[i].match(value, e) {
				return true
			}
		}
	case foldFamily:
		for i := range c.patterns {
			if text, ok := c.patterns[i].text(e); ok && strings.EqualFold(text, value) {
				return true
			}
		}
	case arnFamily:
		for i := range c.arns {
			if c.arns[i].match(value, e) {
				return true
			}
		}
	case numberFamily:
		return c.matchNumber(value)
	case dateFamily:
		return c.matchDate(value)
	case binaryFamily:
		return c.matchBinary(value)
	case addressFamily:
		return c.matchAddress(value)
	case boolFamily:
		truth, ok := parseBool(value)
		return ok && c.matchTruth(truth)
	case nullFamily:
	}
	return false
}

func (c *condition) matchNumber(value string) bool {
	number, ok := parseNumber(value)
	if !ok {
		return false
	}
	for _, want := range c.numbers {
		if c.comparison.accepts(number.Cmp(want)) {
			return true
		}
	}
	return false
}

func (c *condition) matchDate(value string) bool {
	date, ok := parseDate(value)
	if !ok {
		return false
	}
	for _, want := range c.dates {
		if c.comparison.accepts(date.Compare(want)) {
			return true
		}
	}
	return false
}

func (c *condition) matchBinary(value string) bool {
	data, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	for _, want := range c.binaries {
		if bytes.Equal(want, data) {
			return true
		}
	}
	return false
}

func (c *condition) matchAddress(value string) bool {
	address, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	address = address.Unmap()
	for _, network := range c.networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

func (c *condition) matchTruth(truth bool) bool {
	for _, want := range c.truths {
		if want == truth {
			return true
		}
	}
	return false
}

// accepts reads the sign of a comparison of the request's value with the policy's.
func (c comparison) accepts(sign int) bool {
	switch c {
	case less:
		return sign < 0
	case lessOrEqual:
		return sign <= 0
	case greater:
		return sign > 0
	case greaterOrEqual:
		return sign >= 0
	default:
		return sign == 0
	}
}

// maxNumber is the length up to which a text is read as a number; nobody compares longer ones, and 1e999999999 would
// take the memory of the machine.
const maxNumber = 32

func parseNumber(text string) (*big.Rat, bool) {
	if len(text) == 0 || len(text) > maxNumber || strings.Trim(text, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// dateLayouts are the forms of ISO 8601 that the W3C profile allows; a time without zone is not among them.
var dateLayouts = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", time.DateOnly, "2006-01", "2006",
}

// yearDigits is where a text of digits stops being a year and becomes seconds since 1970.
const yearDigits = 4

func parseDate(text string) (time.Time, bool) {
	if len(text) > yearDigits {
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.Unix(seconds, 0), true
		}
	}
	for _, layout := range dateLayouts {
		if date, err := time.Parse(layout, text); err == nil {
			return date, true
		}
	}
	return time.Time{}, false
}

// parseNetwork reads a CIDR block or a single address.
func parseNetwork(text string) (netip.Prefix, bool) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), true
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), true
}

func parseBool(text string) (truth, ok bool) {
	switch {
	case strings.EqualFold(text, "true"):
		return true, true
	case strings.EqualFold(text, "false"):
		return false, true
	}
	return false, false
}
