package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
)

// A plot is lines over two axes, drawn as SVG.
type plot struct {
	title, x, y string
	logX, logY  bool
	lines       []line
}

type line struct {
	name   string
	points [][2]float64
	dashed bool // a limit rather than a result
}

const (
	width, height            = 860, 420
	left, right, top, bottom = 78, 40, 44, 54
	legendRow                = 20
)

// colours that people who see few of them can tell apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444"}

// scale maps values of an axis to the picture.
type scale struct {
	from, to, at, length float64
	log                  bool
}

func (s scale) place(v float64) float64 {
	a, b := s.from, s.to
	if s.log {
		v, a, b = math.Log10(max(v, s.from)), math.Log10(a), math.Log10(b)
	}
	return s.at + s.length*(v-a)/(b-a)
}

// ticks are the values that are written at the axis.
func (s scale) ticks() []float64 {
	var ticks []float64
	if s.log {
		for v := math.Pow(10, math.Ceil(math.Log10(s.from)-1e-9)); v <= s.to*1.0001; v *= 10 {
			ticks = append(ticks, v)
		}
		return ticks
	}
	step := math.Pow(10, math.Floor(math.Log10((s.to-s.from)/4)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (s.to-s.from)/(step*factor) <= 8 {
			step *= factor
			break
		}
	}
	for v := math.Ceil(s.from/step) * step; v <= s.to+step/1000; v += step {
		ticks = append(ticks, v)
	}
	return ticks
}

// axis fits a scale to the values of all lines.
func (p *plot) axis(i int, log bool, at, length float64) scale {
	least, most := math.Inf(1), math.Inf(-1)
	for _, l := range p.lines {
		for _, point := range l.points {
			if v := point[i]; !log || v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	switch {
	case math.IsInf(least, 1):
		least, most = 1, 10
	case log:
		least, most = math.Pow(10, math.Floor(math.Log10(least)+1e-9)), math.Pow(10, math.Ceil(math.Log10(most)-1e-9))
		if least == most {
			most *= 10
		}
	default:
		least = min(0, least)
		if most == least {
			most = least + 1
		}
		if i == 1 {
			most *= 1.05
		}
	}
	return scale{from: least, to: most, at: at, length: length, log: log}
}

// svg draws the plot: axes with their ticks, the lines, a legend under them.
func (p *plot) svg() []byte {
	legend := legendRow * ((len(p.lines) + 1) / 2)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="13">`+"\n", width, height+legend)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(p.title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height+legend)
	text := func(x, y float64, anchor, more, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="#222222"%s>%s</text>`+"\n", x, y, anchor, more, html.EscapeString(s))
	}
	text(width/2, 24, "middle", ` font-size="16"`, p.title)
	xs := p.axis(0, p.logX, left, width-left-right)
	ys := p.axis(1, p.logY, height-bottom, -(height - top - bottom))
	for _, v := range ys.ticks() {
		y := ys.place(v)
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#dddddd"/>`+"\n", left, y, width-right)
		text(left-8, y+4, "end", "", number(v))
	}
	for _, v := range xs.ticks() {
		x := xs.place(v)
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#eeeeee"/>`+"\n", x, top, height-bottom)
		text(x, height-bottom+18, "middle", "", number(v))
	}
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="#555555"/>`+"\n", left, top, height-bottom, width-right)
	text((left+width-right)/2, height-14, "middle", "", p.x)
	text(18, (top+height-bottom)/2, "middle", fmt.Sprintf(` transform="rotate(-90 18 %d)"`, (top+height-bottom)/2), p.y)
	for i := len(p.lines) - 1; i >= 0; i-- { // the first ends up on top
		l := p.lines[i]
		colour, dash := colours[i%len(colours)], ""
		if l.dashed {
			colour, dash = "#444444", ` stroke-dasharray="6 4"`
		}
		fmt.Fprintf(&b, `<path fill="none" stroke="%s" stroke-width="2"%s d="`, colour, dash)
		for n, point := range l.points {
			fmt.Fprintf(&b, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[n == 0], xs.place(point[0]), ys.place(point[1]))
		}
		b.WriteString("\"/>\n")
		x, y := float64(left+(i%2)*(width-left)/2), float64(height+legendRow*(i/2)+4)
		fmt.Fprintf(&b, `<path d="M%.1f %.1fh26" stroke="%s" stroke-width="3"%s/>`+"\n", x, y, colour, dash)
		text(x+34, y+4, "start", "", l.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// number writes a value of an axis: 12,000 or 0.05.
func number(v float64) string {
	if math.Abs(v) < 1e-9 {
		return "0"
	}
	s := strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
	if v < 1000 {
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
