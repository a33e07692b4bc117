package codec

import (
	"encoding/base64"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Timestamp formats by the names that the models use.
const (
	iso8601 = "iso8601"
	rfc822  = "rfc822"
	unix    = "unixTimestamp"
)

// text spells a scalar.
func (sh *shape) text(v reflect.Value, format string) string {
	switch sh.kind {
	case stringKind:
		return v.String()
	case boolKind:
		return strconv.FormatBool(v.Bool())
	case intKind:
		return strconv.FormatInt(v.Int(), 10)
	case floatKind:
		return floatText(v.Float(), v.Type().Bits())
	case blobKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case timeKind:
		return timeText(v.Interface().(time.Time), format)
	default: // no scalar
		return ""
	}
}

func floatText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

func timeText(at time.Time, format string) string {
	at = at.UTC()
	switch format {
	case rfc822:
		return at.Format(http.TimeFormat)
	case unix:
		return epoch(at)
	default:
		return at.Format("2006-01-02T15:04:05.000Z")
	}
}

// epoch is the time in seconds, with milliseconds where there are some.
func epoch(at time.Time) string {
	ms := at.UnixMilli()
	if ms%1000 == 0 {
		return strconv.FormatInt(ms/1000, 10)
	}
	return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64)
}

// parse sets v, a value of shape sh without its pointer, from its spelling.
func (sh *shape) parse(v reflect.Value, s, path string) error {
	switch sh.kind {
	case stringKind:
		v.SetString(s)
	case boolKind:
		switch {
		case strings.EqualFold(s, "true"):
			v.SetBool(true)
		case strings.EqualFold(s, "false"):
			v.SetBool(false)
		default:
			return &Error{path, "'" + clip(s) + "' is not a boolean"}
		}
	case intKind:
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil {
			return &Error{path, "'" + clip(s) + "' is not an integer of " + strconv.Itoa(v.Type().Bits()) + " bits"}
		}
		v.SetInt(n)
	case floatKind:
		f, err := strconv.ParseFloat(s, v.Type().Bits())
		if err != nil {
			return &Error{path, "'" + clip(s) + "' is not a number"}
		}
		v.SetFloat(f)
	case blobKind:
		data, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return &Error{path, "the value is not base64"}
		}
		v.SetBytes(data)
	case timeKind:
		at, err := parseTime(s)
		if err != nil {
			return &Error{path, "'" + clip(s) + "' is not a timestamp"}
		}
		v.Set(reflect.ValueOf(at))
	default:
		return &Error{path, "a single value stands where a structure belongs"}
	}
	return nil
}

// parseTime reads a timestamp in any of the formats: clients differ.
func parseTime(s string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		return fromEpoch(seconds, s)
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err == nil {
		return inYears(at)
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02", "20060102T150405Z", http.TimeFormat, time.RFC1123Z} {
		if at, err := time.Parse(layout, s); err == nil {
			return inYears(at)
		}
	}
	return time.Time{}, err
}

// fromEpoch keeps milliseconds, which is what AWS keeps.
func fromEpoch(seconds float64, s string) (time.Time, error) {
	const most = 253402300799 // the end of the year 9999
	if math.IsNaN(seconds) || math.Abs(seconds) > most {
		return time.Time{}, &Error{"", "'" + clip(s) + "' is not a timestamp"}
	}
	return inYears(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC())
}

// inYears refuses the years that no protocol can spell, and drops what is finer than a millisecond.
func inYears(at time.Time) (time.Time, error) {
	at = at.UTC().Truncate(time.Millisecond)
	if at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, &Error{"", "the year is out of range"}
	}
	return at, nil
}

func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
