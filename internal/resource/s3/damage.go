package s3

import (
	"fmt"
	"strings"
	"sync"
)

// damagedObjects are those that could not be read from the recovery point. The restore goes on with the others, and fails in
// the end, so that nobody takes the bucket for whole.
type damagedObjects struct {
	mu    sync.Mutex // guards the rest while objects are restored
	count int
	keys  []string // some
	first error
}

// namedDamaged is how many damaged objects a message names.
const namedDamaged = 5

func (d *damagedObjects) add(key string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	if d.first == nil {
		d.first = err
	}
	if len(d.keys) < namedDamaged {
		d.keys = append(d.keys, fmt.Sprintf("%q", key))
	}
}

// err says what is missing in the bucket and what is there.
func (d *damagedObjects) err(bucket string, restored int64) error {
	more := ""
	if d.count > len(d.keys) {
		more = fmt.Sprintf(" and %d more", d.count-len(d.keys))
	}
	return fmt.Errorf("%d versions of objects are damaged in the recovery point and are not in bucket %s: %s%s; %d others were restored into it: %w",
		d.count, bucket, strings.Join(d.keys, ", "), more, restored, d.first)
}
