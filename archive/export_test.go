package archive

// SetMaxRefs makes chunk lists short, so that tests need not much content for long ones.
func SetMaxRefs(v *Vault, n int) { v.refs = n }
