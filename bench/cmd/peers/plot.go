package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/go-secrets/secrets/bench/internal/load"
)

var (
	oursColor  = color.RGBA{R: 0x1f, G: 0x6f, B: 0xb4, A: 0xff}
	peerColor  = color.RGBA{R: 0x9a, G: 0xa5, B: 0xb1, A: 0xff}
	floorColor = color.RGBA{R: 0x4c, G: 0x9f, B: 0x70, A: 0xff}
)

// A bar is one value of a bar chart.
type bar struct {
	label string
	value float64
	kind  string // ours, floor or peer
}

// bars draws horizontal bars, the first on top, each with its value as text.
func bars(title, axis string, logarithmic bool, all []bar, text func(float64) string, file string) error {
	if len(all) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = vg.Points(13)
	p.Title.Padding = vg.Points(4)
	p.X.Label.Text = axis
	p.BackgroundColor = color.White
	least, most := math.Inf(1), 0.0
	for _, b := range all {
		if b.value > 0 {
			least, most = min(least, b.value), max(most, b.value)
		}
	}
	p.X.Min = 0
	p.X.Max = most * 1.25
	if logarithmic {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{text}
		p.X.Min = math.Pow(10, math.Floor(math.Log10(least)))
		if least/p.X.Min < 1.3 {
			p.X.Min /= 10
		}
		p.X.Max = most * math.Pow(most/p.X.Min, 0.2)
	}
	names := make([]string, len(all))
	for i, b := range all {
		y := float64(len(all) - 1 - i)
		// Room for a font that is wider than the one which was measured.
		names[len(all)-1-i] = "\u00a0\u00a0" + b.label + strings.Repeat("\u00a0", len(b.label)/2+1)
		end := max(b.value, p.X.Min)
		box, err := plotter.NewPolygon(plotter.XYs{{X: p.X.Min, Y: y - 0.36}, {X: end, Y: y - 0.36}, {X: end, Y: y + 0.36}, {X: p.X.Min, Y: y + 0.36}})
		if err != nil {
			return err
		}
		box.Color = map[string]color.Color{"ours": oursColor, "floor": floorColor}[b.kind]
		if box.Color == nil {
			box.Color = peerColor
		}
		box.LineStyle.Width = 0
		value, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: end, Y: y}}, Labels: []string{"  " + text(b.value)}})
		if err != nil {
			return err
		}
		value.TextStyle[0].YAlign = -0.4
		p.Add(box, value)
	}
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(all))-0.4
	return p.Save(vg.Points(600), vg.Points(80+24*float64(len(all))), file)
}

// decades are ticks at the powers of ten.
type decades struct{ text func(float64) string }

func (d decades) Ticks(least, most float64) (ticks []plot.Tick) {
	step := 1.0
	if math.Log10(most/least) > 6 {
		step = 2
	}
	for e := math.Ceil(math.Log10(least) - 1e-9); e <= math.Log10(most); e += step {
		ticks = append(ticks, plot.Tick{Value: math.Pow(10, e), Label: d.text(math.Pow(10, e))})
	}
	return ticks
}

// kindOf tells what color a peer has.
func kindOf(peer string) string {
	switch {
	case strings.HasPrefix(peer, "ours"):
		return "ours"
	case strings.HasPrefix(peer, "floor"), strings.HasPrefix(peer, "ideal"), peer == "map", peer == "hello", peer == "nethttp", peer == "jsonslog":
		return "floor"
	}
	return "peer"
}

// barsOf are the medians of a row's peers. before and after surround the peer
// in a benchmark's name.
func barsOf(r *results, before, after, unit string, peers ...string) (all []bar) {
	for _, peer := range peers {
		if v, err := r.median(before+"peer="+peer+after, unit); err == nil {
			all = append(all, bar{label(peer), v, kindOf(peer)})
		}
	}
	return all
}

// drawPlots draws every plot that the page shows.
func drawPlots(r *results, dir string) error {
	at := func(name string) string { return filepath.Join(dir, name+".svg") }
	all := []error{
		bars("A held secret by its name (1,000 names, one goroutine)", "time of a read, logarithmic", true,
			barsOf(r, "Held/", "/names=1000/goroutines=1", "ns/op", "floor", "ours", "ours-on-demand", "runtimevar", "setec", "awscache", "vals"), duration, at("held")),
		bars("A held secret through its handle (one goroutine)", "time of a read, logarithmic", true,
			barsOf(r, "Handle/", "/goroutines=1", "ns/op", "floor", "ours", "runtimevar", "setec"), duration, at("handle")),
		bars("100 secrets at start, 5 ms a call", "time, logarithmic", true,
			barsOf(r, "Start/", "", "ns/op", "ideal-awssm", "ours-awssm", "ideal-ssm", "ours-ssm", "raw-at-once", "runtimevar", "raw-in-turn", "setec", "awscache"), duration, at("start")),
		bars("Heap of a held secret of 64 bytes, name included", "bytes, logarithmic", true,
			barsOf(r, "Heap/", "", "B/secret", "map", "setec", "vals", "ours", "awscache", "runtimevar"), bytesOf, at("heap")),
		bars("A stripped program", "size, logarithmic", true,
			barsOf(r, "Program/", "", "size-B", "hello", "ours-files", "runtimevar-files", "nethttp", "setec", "raw-vault", "ours-vault", "awscache", "raw-awssm", "ours-awssm", "runtimevar-awssm",
				"raw-ssm", "ours-ssm", "runtimevar-ssm", "raw-gcp", "ours-gcp", "runtimevar-gcp", "ours-all", "vals"), bytesOf, at("size")),
	}
	for _, kind := range []string{"hang", "refuse", "throttle"} {
		all = append(all, bars("p99.9 of a Get of a held secret, backend out: "+kind, "time, logarithmic", true,
			barsOf(r, "Outage/kind="+kind+"/", "", "p99.9-ns", "ours", "ours-on-demand", "runtimevar", "setec", "awscache", "raw"), duration, at("outage-"+kind)))
	}
	all = append(all, drawGoroutines(filepath.Join(dir, "outage.jsonl"), at("outage-goroutines")))
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// drawGoroutines draws the goroutines over a hanging outage.
func drawGoroutines(trace, file string) error {
	f, err := os.Open(trace)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	p := plot.New()
	p.Title.Text = "Goroutines while every call hangs"
	p.X.Label.Text, p.Y.Label.Text = "seconds of the outage", "goroutines of the process"
	p.BackgroundColor = color.White
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(3)
	p.Title.Padding = vg.Points(4)
	p.Y.Min = 0
	palette := map[string]color.Color{
		"ours": oursColor, "ours-on-demand": color.RGBA{R: 0x7f, G: 0xb8, B: 0xe6, A: 0xff}, "raw": color.RGBA{R: 0x80, A: 0xff},
		"awscache": color.RGBA{R: 0xe0, G: 0x8a, A: 0xff}, "runtimevar": color.RGBA{G: 0x80, B: 0x60, A: 0xff}, "setec": color.RGBA{R: 0x90, B: 0x90, A: 0xff},
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var t struct {
			Row     string
			Samples []load.Sample
		}
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return fmt.Errorf("%s: %w", trace, err)
		}
		peer, ok := strings.CutPrefix(t.Row, "kind=hang/peer=")
		if !ok {
			continue
		}
		points := make(plotter.XYs, len(t.Samples))
		for i, s := range t.Samples {
			points[i] = plotter.XY{X: float64(s.At) / float64(time.Second), Y: float64(s.Goroutines)}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = palette[peer], vg.Points(1.6)
		p.Add(line)
		p.Legend.Add(label(peer), line)
		p.Y.Max = max(p.Y.Max, 2*points[len(points)-1].Y)
	}
	return p.Save(vg.Points(560), vg.Points(300), file)
}

// label is how the page calls a peer.
func label(peer string) string {
	if l, ok := labels[peer]; ok {
		return l
	}
	return peer
}

var labels = map[string]string{
	"floor": "floor", "ours": "this library", "ours-revealed": "this library, and Reveal", "ours-on-demand": "this library, on demand",
	"runtimevar": "runtimevar", "setec": "setec", "awscache": "AWS caching client", "vals": "vals", "raw": "raw SDK", "map": "plain map",
	"ideal-awssm": "batches by hand, Secrets Manager", "ours-awssm": "this library, Secrets Manager",
	"ideal-ssm": "batches by hand, Parameter Store", "ours-ssm": "this library, Parameter Store",
	"raw-in-turn": "raw SDK, one after another", "raw-at-once": "raw SDK, 100 goroutines",
	"ours-files": "this library, files and environment", "ours-vault": "this library, Vault", "ours-gcp": "this library, Google", "ours-all": "this library, every backend",
	"raw-awssm": "raw SDK, Secrets Manager", "raw-ssm": "raw SDK, Parameter Store", "raw-vault": "raw client, Vault", "raw-gcp": "raw client, Google",
	"runtimevar-constant": "runtimevar, constant", "runtimevar-files": "runtimevar, files", "runtimevar-awssm": "runtimevar, Secrets Manager",
	"runtimevar-ssm": "runtimevar, Parameter Store", "runtimevar-gcp": "runtimevar, Google",
	"hello": "hello", "nethttp": "net/http", "jsonslog": "encoding/json and log/slog",
}
