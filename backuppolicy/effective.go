package backuppolicy

import "strongroom/backuppolicy/inheritance"

// Effective is an account's effective backup policy.
type Effective struct {
	merged *inheritance.Merged
}

// EffectivePolicy merges the levels from the root down to an account, each in the order in which its policies were attached.
func EffectivePolicy(levels [][]inheritance.Attached) Effective {
	return Effective{inheritance.Merge(levels)}
}

// EffectiveOf is the effective policy of what an account inherits and has, merged level by level.
func EffectiveOf(merged *inheritance.Merged) Effective { return Effective{merged} }

// Content is the effective policy as DescribeEffectivePolicy shows it: JSON without operators, keys sorted, and {} where
// nothing is inherited. $account and $region stand in it as the policies have them.
func (e Effective) Content() []byte { return e.merged.Content() }

// AsPolicy is a policy that assigns all of the effective policy, which itself cannot be attached.
func (e Effective) AsPolicy() []byte { return e.merged.AsPolicy() }

// Merged is the tree behind the policy.
func (e Effective) Merged() *inheritance.Merged { return e.merged }

// Ignored is what policies asked for in vain.
func (e Effective) Ignored() []inheritance.Ignored { return e.merged.Ignored() }

// Provenance says which policies set what stands at a path of the effective policy, such as
// plans/PII/rules/hourly/target_backup_vault_name, or below it.
func (e Effective) Provenance(path string) []inheritance.Origin {
	return e.merged.Root().At(path).Origins()
}

// plans are the nodes of plans that say anything.
func (e Effective) plans() []*inheritance.Node {
	return nonEmpty(e.merged.Root().Child("plans"))
}

// nonEmpty are the children that hold a value somewhere. The effective policy knows no others.
func nonEmpty(n *inheritance.Node) []*inheritance.Node {
	var all []*inheritance.Node
	for _, c := range n.Children() {
		if !c.IsEmpty() {
			all = append(all, c)
		}
	}
	return all
}

// text is a node's single-valued setting.
func text(n *inheritance.Node, key string) (string, bool) {
	c := n.Child(key)
	return c.Text(), c.HasValue()
}
