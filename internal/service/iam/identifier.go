package iam

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// The prefixes of unique ids: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
const (
	userPrefix            = "AIDA"
	rolePrefix            = "AROA"
	groupPrefix           = "AGPA"
	policyPrefix          = "ANPA"
	instanceProfilePrefix = "AIPA"
	sshKeyPrefix          = "APKA"
	serviceKeyPrefix      = "ACCA"
	certificateIDLength   = 24
	longTermPrefix        = "AKIA"
	temporaryPrefix       = "ASIA"
	uniqueIDLength        = 17 // behind the prefix
	secretByteLength      = 30 // 40 characters in base64
)

// newUniqueID is the id of a user, role, group or policy: never used again, even where the name is.
func newUniqueID(prefix string) string {
	random := make([]byte, uniqueIDLength)
	_, _ = rand.Read(random) // never fails
	return prefix + base32.StdEncoding.EncodeToString(random)[:uniqueIDLength]
}

// NewSecret is a random secret access key.
func NewSecret() string {
	random := make([]byte, secretByteLength)
	_, _ = rand.Read(random) // never fails
	return base64.StdEncoding.EncodeToString(random)
}

// An access key id carries its account, as AWS's do: behind the prefix stand 80 bits in base32, the first of them set,
// the next 40 the account's number, the rest random. So sts:GetAccessKeyInfo can answer for temporary keys, which are
// kept nowhere.
const accountShift = 80 - 41 - 32 // in the first six bytes

// NewTemporaryKeyID is an id for a temporary credential of the account.
func NewTemporaryKeyID(accountID string) string { return newKeyID(temporaryPrefix, accountID) }

func newKeyID(prefix, accountID string) string {
	number, _ := strconv.ParseUint(accountID, 10, 64) // account ids are checked where they come in
	var id [10]byte
	_, _ = rand.Read(id[:]) // never fails
	rest := uint64(id[5] & (1<<accountShift - 1))
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], 1<<47|number<<accountShift|rest)
	copy(id[:6], head[2:])
	return prefix + base32.StdEncoding.EncodeToString(id[:])
}

// KeyAccount reads the account out of an access key id that was made here.
func KeyAccount(keyID string) (accountID string, ok bool) {
	text, ok := strings.CutPrefix(keyID, temporaryPrefix)
	if !ok {
		if text, ok = strings.CutPrefix(keyID, longTermPrefix); !ok {
			return "", false
		}
	}
	id, err := base32.StdEncoding.DecodeString(text)
	if err != nil || len(id) != 10 || id[0]&0x80 == 0 {
		return "", false
	}
	number := binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...)) &^ (1 << 47) >> accountShift
	return fmt.Sprintf("%012d", number), true
}
