package main

import (
	"fmt"
	"math"
	"strings"
)

// A chart is lines between axes that are both logarithmic, as an SVG picture.
type chart struct {
	file        string
	title, x, y string
	series      []series
}

type series struct {
	name   string
	points [][2]float64
}

const (
	chartWidth, chartHeight = 860, 380
	plotLeft, plotTop       = 64, 40
	plotWidth, plotHeight   = 420, 280
)

// Colours that can be told apart on a light and on a dark page, also by those who do not see all of them.
var chartColours = []string{"#2f7ed8", "#e07b00", "#1a9850", "#c2378c", "#8a6bd1", "#6b8e23"}

// A scale maps powers of ten to a length.
type scale struct{ low, high float64 } // exponents

func newScale(values []float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, math.Log10(v)), max(high, math.Log10(v))
	}
	s := scale{math.Floor(low + 1e-9), math.Ceil(high - 1e-9)}
	if s.high <= s.low {
		s.high = s.low + 1
	}
	return s
}

func (s scale) at(v, length float64) float64 {
	return (math.Log10(v) - s.low) / (s.high - s.low) * length
}

func (c *chart) svg() string {
	var xs, ys []float64
	for _, s := range c.series {
		for _, p := range s.points {
			xs, ys = append(xs, p[0]), append(ys, p[1])
		}
	}
	x, y := newScale(xs), newScale(ys)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s" font-family="sans-serif" font-size="13">
<style>
text { fill: #333 } .grid { stroke: #8888; stroke-width: .5 } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }
</style>
<text x="%d" y="24" font-size="15" font-weight="bold">%s</text>
`, chartWidth, chartHeight, escape(c.title), plotLeft, escape(c.title))
	for e := x.low; e <= x.high; e++ {
		at := plotLeft + x.at(math.Pow(10, e), plotWidth)
		fmt.Fprintf(&b, "<path class=\"grid\" d=\"M%.0f %dv%d\"/><text x=\"%.0f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			at, plotTop, plotHeight, at, plotTop+plotHeight+18, power(e))
	}
	for e := y.low; e <= y.high; e++ {
		at := plotTop + plotHeight - y.at(math.Pow(10, e), plotHeight)
		fmt.Fprintf(&b, "<path class=\"grid\" d=\"M%d %.0fh%d\"/><text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n",
			plotLeft, at, plotWidth, plotLeft-6, at+4, power(e))
	}
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", plotLeft+plotWidth/2, plotTop+plotHeight+42, escape(c.x))
	fmt.Fprintf(&b, "<text transform=\"translate(16 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", plotTop+plotHeight/2, escape(c.y))
	for i, s := range c.series {
		c.line(&b, i, s, x, y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// line draws a series and its entry in the legend.
func (c *chart) line(b *strings.Builder, number int, s series, x, y scale) {
	colour := chartColours[number%len(chartColours)]
	var path, dots strings.Builder
	for i, p := range s.points {
		px, py := plotLeft+x.at(p[0], plotWidth), plotTop+plotHeight-y.at(p[1], plotHeight)
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, px, py)
		fmt.Fprintf(&dots, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"><title>%s: %.4g at %.0f</title></circle>", px, py, colour, escape(s.name), p[1], p[0])
	}
	fmt.Fprintf(b, "<path class=\"line\" stroke=\"%s\" d=\"%s\"/>%s\n", colour, path.String(), dots.String())
	top := plotTop + 10 + 22*number
	fmt.Fprintf(b, "<path stroke=\"%s\" stroke-width=\"3\" d=\"M%d %dh18\"/><text x=\"%d\" y=\"%d\">%s</text>\n",
		colour, plotLeft+plotWidth+16, top, plotLeft+plotWidth+40, top+4, escape(s.name))
}

// power writes a power of ten in figures.
func power(exponent float64) string {
	switch v := math.Pow(10, exponent); {
	case v >= 1e6:
		return fmt.Sprintf("%.0fM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0fk", v/1e3)
	default:
		return fmt.Sprintf("%g", v)
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
