package server

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"strongroom/internal/work"
)

// Scrub says how fast the archives are read anew in the background, and how often.
type Scrub struct {
	// Rate is how much is read in a second, such as 20MB/s; off for nothing at all. 20MB/s if empty.
	Rate string `yaml:"rate"`
	// Every is how long a pack may lie unread, such as 30d or 12h; 30d if empty.
	Every string `yaml:"every"`

	read work.Scrub
}

const (
	defaultScrubRate  = "20MB/s"
	defaultScrubEvery = "30d"

	// What is less would keep the server busy with looking whether a pass is due, or with nothing.
	leastScrubEvery = time.Second
	leastScrubRate  = 1e3
)

func (s *Scrub) complete() (err error) {
	if s.Rate == "" {
		s.Rate = defaultScrubRate
	}
	if s.Every == "" {
		s.Every = defaultScrubEvery
	}
	if s.read.Rate, err = parseRate(s.Rate); err != nil {
		return fmt.Errorf("scrub.rate: %w", err)
	}
	if s.read.Every, err = ParseDays(s.Every); err != nil || s.read.Every < leastScrubEvery {
		return fmt.Errorf("scrub.every: %q is not a time such as 30d or 12h, of a second at least", s.Every)
	}
	return nil
}

func (s *Scrub) settings() work.Scrub { return s.read }

// parseRate reads bytes a second: 20MB/s, 512KB/s, off.
func parseRate(text string) (float64, error) {
	if text == "off" {
		return 0, nil
	}
	number, units := text, 1.0
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"GB/s", 1e9}, {"MB/s", 1e6}, {"KB/s", 1e3}, {"B/s", 1}} {
		if rest, has := strings.CutSuffix(text, unit.name); has {
			number, units = rest, unit.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n*units >= leastScrubRate) || math.IsInf(n*units, 0) || number == text { // nor what is no number
		return 0, fmt.Errorf("%q is neither a rate such as 20MB/s, of 1KB/s at least, nor off", text)
	}
	return n * units, nil
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
