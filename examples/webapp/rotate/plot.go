package main

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// The plot: two panels that share their axis of time.
const (
	width, left, right    = 960, 64, 20
	rateTop, rateHeight   = 70, 210
	slowTop, slowHeight   = 330, 110
	height                = 500
	ok, failed, database_ = "#2da44e", "#cf222e", "#bf8700"
	secret_, ink, dim     = "#8250df", "#1f2328", "#656d76"
)

// draw returns the plot as SVG: requests and failures a second, the slowest of
// each slice, and the moments of the rotations.
func (l *load) draw() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	total := time.Duration(len(l.slices)) * slice
	x := func(at time.Duration) float64 {
		return left + (width-left-right)*float64(at)/float64(max(total, slice))
	}
	perSecond := func(n int) float64 { return float64(n) / slice.Seconds() }
	top, slowest, requests, failures := 10.0, 100*time.Millisecond, 0, 0
	for _, o := range l.slices {
		top = max(top, perSecond(o.ok+o.failed))
		slowest = max(slowest, o.quantile(1))
		requests += o.ok + o.failed
		failures += o.failed
	}
	top = nice(top * 1.05)

	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui,sans-serif" font-size="13" fill="%s"><rect width="100%%" height="100%%" fill="#fff"/>`+"\n", width, height, ink)
	fmt.Fprintf(&b, `<text x="%d" y="26" font-size="17">Password rotated under load: %d requests, %d failed</text>`+"\n", left, requests, failures)
	legend := left
	for _, item := range []struct{ colour, text string }{{ok, "requests a second"}, {failed, "failures a second"}, {database_, "password changed in the database"}, {secret_, "secret changed"}} {
		fmt.Fprintf(&b, `<rect x="%d" y="40" width="12" height="12" fill="%s"/><text x="%d" y="51" fill="%s">%s</text>`+"\n", legend, item.colour, legend+17, dim, item.text)
		legend += 40 + 7*len(item.text)
	}

	for n := range 5 {
		v := top * float64(n) / 4
		line(&b, rateTop+rateHeight*(1-float64(n)/4), fmt.Sprintf("%.0f", v))
	}
	bar := x(slice) - left
	for i, o := range l.slices {
		at := x(time.Duration(i) * slice)
		good, bad := rateHeight*perSecond(o.ok)/top, rateHeight*perSecond(o.failed)/top
		if o.failed > 0 {
			bad = max(bad, 2)
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" fill="%s"/>`, at, rateTop+rateHeight-good-bad, bar, bad, failed)
		}
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.2f" height="%.1f" fill="%s"/>`, at, rateTop+rateHeight-good, bar, good, ok)
	}
	b.WriteByte('\n')

	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">the slowest request that ended then, ms</text>`+"\n", left, slowTop-10, dim)
	slowTicks := nice(float64(slowest.Milliseconds()))
	for n := range 3 {
		line(&b, slowTop+slowHeight*(1-float64(n)/2), fmt.Sprintf("%.0f", slowTicks*float64(n)/2))
	}
	b.WriteString(`<polyline fill="none" stroke="` + ink + `" points="`)
	for i, o := range l.slices {
		y := slowTop + slowHeight*(1-float64(o.quantile(1).Milliseconds())/slowTicks)
		fmt.Fprintf(&b, "%.1f,%.1f ", x(time.Duration(i)*slice+slice/2), y)
	}
	b.WriteString(`"/>` + "\n")

	for _, m := range l.marks {
		colour := secret_
		if m.what == "database" {
			colour = database_
		}
		fmt.Fprintf(&b, `<line x1="%[1]s" x2="%[1]s" y1="%[2]d" y2="%[3]d" stroke="%[4]s" stroke-width="1.5" stroke-dasharray="4 3"/>`+"\n", fmt.Sprintf("%.1f", x(m.at)), rateTop, slowTop+slowHeight, colour)
	}
	for at := time.Duration(0); at <= total; at += 5 * time.Second {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="%s">%.0f s</text>`, x(at), slowTop+slowHeight+20, dim, at.Seconds())
	}
	b.WriteString("\n</svg>\n")
	return b.Bytes()
}

// line draws a line of the grid.
func line(b *bytes.Buffer, y float64, label string) {
	fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#d0d7de"/><text x="%d" y="%.1f" text-anchor="end" fill="%s">%s</text>`+"\n", left, width-right, y, y, left-8, y+4, dim, label)
}

// nice is the next number above v that reads well on an axis.
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 4, 5, 8, 10} {
		if v <= n*unit {
			return n * unit
		}
	}
	return v
}
