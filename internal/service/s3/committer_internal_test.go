package s3

import (
	"slices"
	"testing"
)

// A request that comes while changes of many rows wait is in the next group, with one of them.
func TestSmallChangesComeFirst(t *testing.T) {
	t.Parallel()
	name := map[*change]string{}
	add := func(c *committer, text string, many bool) {
		ch := &change{many: many}
		name[ch] = text
		c.waiting = append(c.waiting, ch)
	}
	c := &committer{}
	add(c, "many 1", true)
	add(c, "many 2", true)
	add(c, "small 1", false)
	add(c, "many 3", true)
	add(c, "small 2", false)
	for _, want := range [][]string{{"small 1", "small 2", "many 1"}, {"many 2"}, {"many 3"}, nil} {
		var got []string
		for _, ch := range c.next() {
			got = append(got, name[ch])
		}
		if !slices.Equal(got, want) {
			t.Errorf("a group is %v, want %v", got, want)
		}
	}
	for range mostChanges + 1 {
		add(c, "small", false)
	}
	add(c, "many", true)
	if got := len(c.next()); got != mostChanges+1 {
		t.Errorf("a group has %d changes", got)
	}
	if got := len(c.next()); got != 1 {
		t.Errorf("the last group has %d changes", got)
	}
}
