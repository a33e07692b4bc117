package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"strongroom/internal/state"
	"strongroom/rules"
)

// maxPolicyVersions is how many versions a managed policy has at most.
const maxPolicyVersions = 5

// withRoom puts before each cure that makes a version of a managed policy with no room for one the deletion of its oldest.
func withRoom(ctx context.Context, tx *state.Tx, cures [][]rules.Fix) ([][]rules.Fix, error) {
	versions := map[string][]int64{} // oldest first, as they will be
	all := make([][]rules.Fix, len(cures))
	for i, list := range cures {
		for _, f := range list {
			if f.Call != "iam:CreatePolicyVersion" {
				all[i] = append(all[i], f)
				continue
			}
			policyARN := f.Parameters["PolicyArn"]
			if _, known := versions[policyARN]; !known {
				numbers, err := versionsOf(ctx, tx, policyARN)
				if err != nil {
					return nil, err
				}
				versions[policyARN] = numbers
			}
			numbers := versions[policyARN]
			if len(numbers) >= maxPolicyVersions {
				all[i] = append(all[i], rules.Fix{
					Call: "iam:DeletePolicyVersion", AccountID: f.AccountID, Resource: policyARN,
					Parameters: map[string]string{"PolicyArn": policyARN, "VersionId": fmt.Sprintf("v%d", numbers[0])},
					Advice:     "Delete the oldest version of the policy, which has no room for another.",
				})
				numbers = numbers[1:]
			}
			all[i] = append(all[i], f)
			versions[policyARN] = append(slices.Clone(numbers), numbers[len(numbers)-1]+1)
		}
	}
	return all, nil
}

// versionsOf are the numbers of a policy's versions, oldest first, the default one behind all others: it cannot be deleted.
func versionsOf(ctx context.Context, tx *state.Tx, policyARN string) (numbers []int64, err error) {
	policy, err := tx.Policy(ctx, policyARN)
	if errors.Is(err, state.ErrNotFound) {
		return []int64{0}, nil
	} else if err != nil {
		return nil, err
	}
	list, err := tx.PolicyVersions(ctx, policyARN)
	for _, v := range slices.Backward(list) {
		if v.Number != policy.DefaultVersion {
			numbers = append(numbers, v.Number)
		}
	}
	return append(numbers, policy.DefaultVersion), err
}
