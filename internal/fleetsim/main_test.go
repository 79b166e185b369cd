package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/fleetsim/fleet"
)

func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/scale.md")
	require.NoError(t, err)

	t.Run("it shows every plot, and each is there", func(t *testing.T) {
		for name := range plots {
			assert.Contains(t, string(text), "(scale/"+name+".svg)")
			svg, err := os.ReadFile("../../docs/scale/" + name + ".svg")
			require.NoError(t, err)
			wellFormed(t, svg)
		}
	})

	t.Run("it has a filled place for every table", func(t *testing.T) {
		for name := range tables {
			written, err := insert(text, name, "new")
			require.NoError(t, err)
			assert.Less(t, len(written), len(text))
		}
	})

	t.Run("a table without its marks is an error", func(t *testing.T) {
		_, err := insert(text, "nowhere", "")
		assert.ErrorContains(t, err, "nowhere")
	})
}

func TestPlot(t *testing.T) {
	p := plot{
		title: "a < b & c", x: "seconds", y: "calls", logY: true,
		lines: []line{{name: "one", points: [][2]float64{{0, 1}, {10, 12_000}}}, {name: "quota", points: [][2]float64{{0, 100}, {10, 100}}, dashed: true}},
	}
	svg := p.svg()
	wellFormed(t, svg)
	assert.Contains(t, string(svg), "a &lt; b &amp; c")
	assert.Contains(t, string(svg), ">10,000<")
	assert.Contains(t, string(svg), ">quota<")
	assert.Equal(t, svg, p.svg())

	t.Run("what is empty is drawn, too", func(t *testing.T) { wellFormed(t, (&plot{lines: []line{{}}}).svg()) })
}

func TestCommand(t *testing.T) {
	t.Run("it tells what a run showed, the same each time", func(t *testing.T) {
		args := []string{"-backend", "ssm", "-rate", "4", "-processes", "40", "-documents", "10", "-duration", "10m", "-outage", "1m"}
		var one, two bytes.Buffer
		require.NoError(t, run(args, &one))
		require.NoError(t, run(args, &two))
		assert.Equal(t, one.String(), two.String())
		assert.Contains(t, one.String(), "100 % started      after")
	})

	t.Run("an unknown backend is an error", func(t *testing.T) {
		assert.ErrorContains(t, run([]string{"-backend", "post-its"}, io.Discard), "post-its")
	})
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestPricesThatShareALine(t *testing.T) {
	// The plot of the cost shows both by one line.
	higher := fleet.ParameterStoreHigher
	single := fleet.SecretsManager
	assert.Equal(t, single.Price.Calls, higher.Price.Documents)
}
