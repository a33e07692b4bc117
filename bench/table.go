package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A cell is what one tool did.
type cell struct {
	op   operation
	tool string
}

// A table has the measurements over one data set.
type table struct {
	title string
	rows  []cell
	cells map[cell][]measurement // of each run; none where a tool has no such operation
	bytes int64                  // of the data
	own   string                 // the tool whose wall times are compared with the fastest of the others
}

// A style writes one table. Its first two columns are text, the others figures.
type style func(w io.Writer, title string, heading []string, rows [][]string) error

var heading = []string{"operation", "tool", "wall", "beside the fastest", "CPU", "CPU per GiB", "peak memory", "stored", "added"}

func (c *comparison) print(w io.Writer, write style) error {
	for _, note := range c.notes {
		if _, err := fmt.Fprintf(w, "%s\n", note); err != nil {
			return err
		}
	}
	for _, t := range c.tables {
		if err := write(w, t.title, heading, t.lines()); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) lines() (lines [][]string) {
	for _, at := range t.rows {
		line := []string{string(at.op), at.tool, "n/a", "", "", "", "", "", ""}
		if runs := t.cells[at]; len(runs) > 0 {
			m := median(runs)
			line = append(line[:2], seconds(m.Wall), t.ratio(at, m), seconds(m.CPU), "", "", "", "")
			if t.bytes > 0 {
				line[5] = fmt.Sprintf("%.2f s", m.CPU.Seconds()*gib/float64(t.bytes))
			}
			if m.Peak > 0 {
				line[6] = size(m.Peak)
			}
			if at.op != restore && at.op != verify && at.tool != limitName {
				line[7], line[8] = size(m.Stored), size(m.Added)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// ratio says how many times as fast the own tool is as the fastest of the others.
func (t *table) ratio(at cell, m measurement) string {
	if at.tool != t.own {
		return ""
	}
	var fastest time.Duration
	for other, runs := range t.cells {
		if other.op != at.op || other.tool == t.own || other.tool == limitName || len(runs) == 0 {
			continue
		}
		if wall := median(runs).Wall; fastest == 0 || wall < fastest {
			fastest = wall
		}
	}
	if fastest == 0 || m.Wall == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f×", fastest.Seconds()/m.Wall.Seconds())
}

// median gives the run of the median wall time, so that the figures of a line belong together.
func median(runs []measurement) measurement {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b measurement) int { return int(a.Wall - b.Wall) })
	return sorted[(len(sorted)-1)/2]
}

func plain(w io.Writer, title string, heading []string, rows [][]string) error {
	if _, err := fmt.Fprintf(w, "\n%s\n\n", title); err != nil {
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var last string
	for _, row := range slices.Concat([][]string{heading}, rows) {
		first := row[0]
		if first == last {
			first = ""
		}
		last = row[0]
		if _, err := fmt.Fprintf(tw, "%s\t%s\n", first, strings.Join(row[1:], "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

func markdown(w io.Writer, title string, heading []string, rows [][]string) error {
	lines := []string{"", "**" + title + "**", "", row(heading), "| --- | --- |" + strings.Repeat(" ---: |", len(heading)-2)}
	for _, r := range rows {
		lines = append(lines, row(r))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

func row(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// size writes bytes for people.
func size(bytes int64) string {
	switch b := float64(bytes); {
	case bytes >= gib:
		return fmt.Sprintf("%.2f GiB", b/gib)
	case bytes >= 100*mib:
		return fmt.Sprintf("%.0f MiB", b/mib)
	case bytes >= mib/10:
		return fmt.Sprintf("%.1f MiB", b/mib)
	default:
		return fmt.Sprintf("%.1f KiB", b/kib)
	}
}
