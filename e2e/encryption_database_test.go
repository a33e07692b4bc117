package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"strongroom/internal/strongroomtest"
)

// TestDisabledKeysOfDatabases takes one key at a time away from a database that has made its whole way: out in two steps, back by the
// detour. Exactly what the key sealed, or is to seal, can no longer be copied or restored.
func TestDisabledKeysOfDatabases(t *testing.T) {
	t.Parallel()
	m, first, final := backupAccounts(t, strongroomtest.New(t))
	resourceKey, memberKey, firstKey, finalKey := m.key(t, first), m.key(t, first), first.key(t, m), final.key(t)
	memberVault := m.vault(t, "member-vault", memberKey, first)
	firstVault, finalVault := first.vault(t, "first-vault", firstKey, m), final.vault(t, "final-vault", finalKey)
	local := m.backUp(t, "member-vault", m.database(t, "orders", resourceKey))
	there := m.copyTo(t, local, "member-vault", firstVault)
	far := first.copyTo(t, there, "first-vault", finalVault)
	near := final.copyTo(t, far, "final-vault", firstVault)
	back := first.copyTo(t, near, "first-vault", memberVault)

	unusable := func(key string) ended {
		return ended{"FAILED", "The source snapshot KMS key [" + key + "] does not exist, is not enabled or you do not have permissions to access it.", "KMS_KEY_ERROR"}
	}
	hops := []struct {
		what               string
		at                 *party
		point, vault, into string
		from, to           string // keys
	}{
		{"out of the member's account", m, local, "member-vault", firstVault, resourceKey, firstKey},
		{"on into the other Region", first, there, "first-vault", finalVault, firstKey, finalKey},
		{"back from the other Region", final, far, "final-vault", firstVault, finalKey, firstKey},
		{"back into the member's account", first, near, "first-vault", memberVault, firstKey, memberKey},
		{"out again of what came back", m, back, "member-vault", firstVault, memberKey, firstKey},
	}
	restores := []struct {
		what         string
		at           *party
		point, vault string
		key          string
	}{
		{"the local point", m, local, "member-vault", resourceKey},
		{"the first copy", first, there, "first-vault", firstKey},
		{"the final copy", final, far, "final-vault", finalKey},
		{"what came back", m, back, "member-vault", memberKey},
	}
	for _, key := range []struct {
		name, arn string
		owner     *party
	}{
		{"the database's key", resourceKey, m}, {"the member vault's key", memberKey, m}, {"the first vault's key", firstKey, first}, {"the final vault's key", finalKey, final},
	} {
		must(key.owner.kms.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(key.arn)}))(t, "disabling "+key.name)
		for _, hop := range hops {
			want := completed
			switch key.arn {
			case hop.from:
				want = unusable(key.arn)
			case hop.to:
				want = failedKey
			}
			if got := hop.at.tryCopy(t, hop.point, hop.vault, hop.into); got != want {
				t.Errorf("without %s, %s: %+v, want %+v", key.name, hop.what, got, want)
			}
		}
		for _, restore := range restores {
			if restore.key != key.arn {
				continue // TestDatabaseTwoSteps restores what is well
			}
			out := restore.at.restoreJob(t, restore.point, restore.at.databaseMetadata(t, restore.vault, restore.point, "locked"))
			if got := end(string(out.Status), out.StatusMessage, nil); got != (ended{"FAILED", keyUnusable, ""}) {
				t.Errorf("without %s, restoring %s: %+v", key.name, restore.what, got)
			}
		}
		must(key.owner.kms.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: aws.String(key.arn)}))(t, "enabling "+key.name)
	}
	if got := len(m.restoreDatabase(t, "member-vault", back, "orders-again")); got != 200 {
		t.Errorf("%d rows came back at last", got)
	}
}
