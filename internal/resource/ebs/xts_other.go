//go:build !amd64 || purego

package ebs

// aesGroups are for processors whose instructions xts_amd64.s uses.
type aesGroups struct{}

func newAESGroups([]byte) *aesGroups { return nil }

func (*aesGroups) encrypt(*[SectorSize]byte) {}

func (*aesGroups) decrypt(*[SectorSize]byte) {}
