package iam

import (
	"crypto/hmac"
	"crypto/sha1" // what authenticators compute: RFC 6238
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"
)

// One-time codes of six digits, one every thirty seconds (RFC 6238 with the parameters that authenticators take for
// granted).
const (
	totpPeriod = 30 * time.Second
	totpSeed   = 40 // bytes of a device's seed
	// totpSlack is how many periods a device's clock may be off when it signs in, and totpEnrolSlack when it is enabled.
	totpSlack      = 1
	totpEnrolSlack = 3
)

// totpStep is the number of the period that a time falls in.
func totpStep(at time.Time) int64 { return at.Unix() / int64(totpPeriod/time.Second) }

// totpCode is the code of a period.
func totpCode(seed []byte, step int64) string {
	mac := hmac.New(sha1.New, seed)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}

// totpMatch finds the period, at most slack away from now and behind after, that code belongs to.
func totpMatch(seed []byte, code string, now time.Time, slack, after int64) (step int64, ok bool) {
	for step = totpStep(now) - slack; step <= totpStep(now)+slack; step++ {
		if step > after && subtle.ConstantTimeCompare([]byte(totpCode(seed, step)), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}
