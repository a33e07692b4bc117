package archive

import (
	"context"
	"errors"
	"time"
)

// FormatVersion is the newest version that is written.
const FormatVersion = extentsVersion

// SetMaxRefs makes chunk lists short, so that tests need not much content for long ones.
func SetMaxRefs(v *Vault, n int) { v.refs = n }

// AwaitRenewal waits until all leases of a domain last longer than half of their length from now.
func (v *Vault) AwaitRenewal(ctx context.Context, d *Domain, now time.Time) {
	for ctx.Err() == nil {
		leases, err := v.listLeases(ctx, d.id())
		waiting := err != nil
		for _, l := range leases {
			waiting = waiting || l.end.Before(now.Add(v.opts.Lease/2))
		}
		if !waiting {
			return
		}
	}
}

// DropIndex does to the index what a damaged file of it does, and then what the next job does.
func DropIndex(ctx context.Context, d *Domain) error {
	d.index.fault(errors.New("a test says so"))
	return d.index.refresh(ctx, d)
}

// MaxChunk is the length of the longest chunk of an object.
const MaxChunk = maxChunk

// WholeSize is the length of the longest object of one chunk.
const WholeSize = wholeSize

// SetFreeReads makes collections go by what they remember in vaults that are small.
func SetFreeReads(v *Vault, n int) { v.free = n }

// SetSpans makes volumes be restored in windows of so many spans.
func SetSpans(v *Vault, n int) { v.spans = n }
