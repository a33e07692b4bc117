package copier

import (
	"crypto/sha256"
	"encoding/hex"
)

// token is the IdempotencyToken of an attempt at a hop: of the first, or of the one that follows on a failed job. Copiers
// that see the same failures make the same token; one that does not yet see the last failure makes the token of the
// failed job itself, and starts nothing.
func token(pointARN, finalVaultARN, failedJobID string) string {
	sum := sha256.Sum256([]byte(pointARN + "\n" + finalVaultARN + "\n" + failedJobID))
	return "second-hop-" + hex.EncodeToString(sum[:20])
}
