package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestChart reads a chart as XML and looks for what is to be in it.
func TestChart(t *testing.T) {
	c := chart{title: "a < b & c", x: "x", y: "y", series: []series{
		{"up", [][2]float64{{10, 0.5}, {1000, 50}}}, {"flat", [][2]float64{{10, 3}, {100, 3}, {1000, 3}}},
	}}
	d := xml.NewDecoder(strings.NewReader(c.svg()))
	elements := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	if elements["circle"] != 5 || elements["svg"] != 1 {
		t.Errorf("the chart has %v", elements)
	}
	if n := len(c.svg()); n > 8<<10 {
		t.Errorf("the chart has %d bytes", n)
	}
}

func TestNumbers(t *testing.T) {
	if got, err := numbers("1,20,300"); err != nil || len(got) != 3 || got[2] != 300 {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"2,1", "x", "0", "1,1"} {
		if _, err := numbers(bad); err == nil {
			t.Errorf("%q is a list", bad)
		}
	}
}

// TestGrowthOfPoints does every step on a small vault.
func TestGrowthOfPoints(t *testing.T) {
	g := &growthRun{growthOptions: growthOptions{points: []int{12, 30}}, dir: t.TempDir(), log: io.Discard}
	if err := g.archivePoints(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(g.tables) != 1 || len(g.tables[0].rows) != 14 || len(g.charts) != 1 {
		t.Fatalf("%+v", g.tables)
	}
	for _, row := range g.tables[0].rows {
		if row[4] == "0" {
			t.Errorf("no requests: %v", row)
		}
	}
}
