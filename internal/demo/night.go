package demo

import "time"

// preparing is for how long the demo may make its data, at most, with no night between.
const preparing = time.Hour

// nightAfter is the next time at which the plans have just run by themselves, see [nightly].
func nightAfter(now time.Time) time.Time {
	now = now.UTC()
	night := time.Date(now.Year(), now.Month(), now.Day(), 5, 0, 1, 0, time.UTC)
	if !night.After(now) {
		night = night.AddDate(0, 0, 1)
	}
	return night
}

// beforeLong is how far the clock is to be moved so that no night comes while the data are being made: the plans would back up half of
// them, and again in the night that is told of.
func beforeLong(now time.Time) time.Duration {
	if d := nightAfter(now).Sub(now); d < preparing {
		return d
	}
	return 0
}
