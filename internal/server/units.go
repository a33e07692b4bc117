package server

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parseBytes reads a size with its unit, which is a power of a thousand: 512MB, 1.5GB, 20 KB.
func parseBytes(text string) (float64, error) {
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}} {
		number, has := strings.CutSuffix(text, unit.name)
		if !has {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && !(n >= 0 && n*unit.bytes < math.MaxInt64) { // nor what is no number
			err = strconv.ErrRange
		}
		return n * unit.bytes, err
	}
	return 0, strconv.ErrSyntax
}

// ParseDays knows days beside what time.ParseDuration knows.
func ParseDays(text string) (time.Duration, error) {
	if days, has := strings.CutSuffix(text, "d"); has {
		n, err := strconv.ParseFloat(days, 64)
		if !(math.Abs(n) < math.MaxInt64/(24*float64(time.Hour))) { // nor what is no number
			return 0, strconv.ErrRange
		}
		return time.Duration(n * 24 * float64(time.Hour)), err
	}
	return time.ParseDuration(text)
}
