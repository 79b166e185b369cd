package main

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLoadCountsFailuresAndThePlotShowsThem(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	l := startLoad(t.Context(), server.URL, 5)
	require.Eventually(t, func() bool { return n.Load() > 50 }, 10*time.Second, time.Millisecond)
	l.mark("database")
	l.mark("secret")
	l.end()
	assert.Regexp(t, `^\d+ requests, [5-9]\d? failed`, l.String())

	plot := string(l.draw())
	assert.Contains(t, plot, failed, "in red")
	assert.Equal(t, 2, strings.Count(plot, "stroke-dasharray"))
	for d := xml.NewDecoder(strings.NewReader(plot)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "it is well-formed")
	}
}

func TestThePlotOfNothingIsOne(t *testing.T) {
	t.Parallel()
	assert.Contains(t, string(new(load).draw()), "0 requests")
}

func TestTheMountedSecretIsOneVersionAtATime(t *testing.T) {
	t.Parallel()
	m := &mount{dir: filepath.Join(t.TempDir(), "db")}
	for _, password := range []string{"one", "two", "three"} {
		require.NoError(t, m.put("app", password))
		got, err := os.ReadFile(filepath.Join(m.dir, "password"))
		require.NoError(t, err)
		assert.Equal(t, password, string(got))
	}
}
