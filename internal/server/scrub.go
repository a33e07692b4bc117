package server

import (
	"fmt"
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
	size, perSecond := strings.CutSuffix(text, "/s")
	n, err := parseBytes(size)
	if err != nil || !perSecond || n < leastScrubRate {
		return 0, fmt.Errorf("%q is neither a rate such as 20MB/s, of 1KB/s at least, nor off", text)
	}
	return n, nil
}
