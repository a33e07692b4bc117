package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"strongroom/clock"
)

// view prints the story. On a terminal bars move in place; elsewhere each prints one line when it is full.
type view struct {
	out      io.Writer
	terminal bool
	began    time.Time
}

func newView(out io.Writer, terminal bool) *view {
	return &view{out: out, terminal: terminal, began: clock.Wall.Now()}
}

func (v *view) chapter(title string) { fmt.Fprintf(v.out, "\n%s\n", title) }

func (v *view) line(format string, args ...any) { fmt.Fprintf(v.out, "  "+format+"\n", args...) }

// bar shows how far something is.
type bar struct {
	view  *view
	title string
	unit  func(int64) string
	began time.Time

	mu          sync.Mutex
	done, total int64
	shown       time.Time
}

func (v *view) bar(title string, total int64, unit func(int64) string) *bar {
	return &bar{view: v, title: title, total: total, unit: unit, began: clock.Wall.Now()}
}

func count(n int64) string { return fmt.Sprintf("%d", n) }

func percent(n int64) string { return fmt.Sprintf("%d %%", n) }

// size prints bytes in binary units.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func (b *bar) add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	b.show(false)
}

func (b *bar) set(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = max(b.done, n)
	b.show(false)
}

// show draws the bar at most ten times a second; b.mu is held.
func (b *bar) show(last bool) {
	now := clock.Wall.Now()
	if !b.view.terminal || (!last && now.Sub(b.shown) < 100*time.Millisecond) {
		return
	}
	b.shown = now
	const width = 30
	full := width
	if b.total > 0 {
		full = int(min(b.done, b.total) * width / b.total)
	}
	fmt.Fprintf(b.view.out, "\r  %-44s %s%s %12s", b.title, strings.Repeat("█", full), strings.Repeat("░", width-full), b.unit(b.done))
}

// end fills the bar and says what came of it.
func (b *bar) end(result string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = max(b.done, b.total)
	took := clock.Wall.Now().Sub(b.began).Round(10 * time.Millisecond)
	if b.view.terminal {
		b.show(true)
		fmt.Fprintf(b.view.out, "  %s, %s\n", result, took)
		return
	}
	fmt.Fprintf(b.view.out, "  %-44s %12s  %s, %s\n", b.title, b.unit(b.done), result, took)
}

// table prints rows under a heading, aligned.
func (v *view) table(heading []string, rows [][]string) {
	w := tabwriter.NewWriter(v.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  "+strings.Join(heading, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush() // the writer below reports
}
