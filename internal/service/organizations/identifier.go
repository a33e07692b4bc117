package organizations

import (
	"crypto/rand"
	"math/big"
	"strings"

	"strongroom/internal/state"
)

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

func random(length int, from string) string {
	var b strings.Builder
	for range length {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(from))))
		if err != nil {
			panic("organizations: the system's random source has failed: " + err.Error())
		}
		b.WriteByte(from[i.Int64()])
	}
	return b.String()
}

func newOrganizationID() string { return "o-" + random(10, alphabet) }
func newRootID() string         { return "r-" + random(4, alphabet) }
func newRequestID() string      { return "car-" + random(32, "0123456789abcdef") }
func newPolicyID() string       { return "p-" + random(8, alphabet) }
func newHandshakeID() string    { return "h-" + random(32, "0123456789abcdef") }

func newResourcePolicyID() string { return "rp-" + random(8, alphabet) }

func newUnitID(rootID string) string {
	return "ou-" + strings.TrimPrefix(rootID, "r-") + "-" + random(8, alphabet)
}

// newAccountID never begins with 0, so that no client takes it for a number.
func newAccountID() string { return random(1, "123456789") + random(11, "0123456789") }

// arnOf names an account, root, unit or handshake of an organization, or the organization itself.
func arnOf(o state.Organization, id string) string {
	prefix := "arn:aws:organizations::" + o.ManagementAccountID + ":"
	switch {
	case strings.HasPrefix(id, "o-"):
		return prefix + "organization/" + id
	case strings.HasPrefix(id, "r-"):
		return prefix + "root/" + o.ID + "/" + id
	case strings.HasPrefix(id, "ou-"):
		return prefix + "ou/" + o.ID + "/" + id
	case strings.HasPrefix(id, "p-"): // one that is not there, of no type; see [policyARN]
		return prefix + "policy/" + o.ID + "/*/" + id
	case strings.HasPrefix(id, "rp-"):
		return prefix + "resourcepolicy/" + o.ID + "/" + id
	case strings.HasPrefix(id, "h-"): // an invitation; see [handshakeARN]
		return prefix + "handshake/" + o.ID + "/invite/" + id
	}
	return prefix + "account/" + o.ID + "/" + id
}

// handshakeARN names a handshake with what it is about.
func handshakeARN(o state.Organization, h state.Handshake) string {
	return "arn:aws:organizations::" + o.ManagementAccountID + ":handshake/" + o.ID + "/" + strings.ToLower(h.Action) + "/" + h.ID
}
