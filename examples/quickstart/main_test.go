package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestTheProgramSeesTheRotationAndPrintsNoValue(t *testing.T) {
	t.Setenv("SECRETS_URL", "") // put back when the test ends
	logger := slog.Default()
	t.Cleanup(func() {
		slog.SetDefault(logger)
		secrets.SetDefault(nil)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	s, err := newStage()
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, s.close())
		assert.NoDirExists(t, s.dir)
	})
	var printed bytes.Buffer
	require.NoError(t, run(ctx, s, &lockedWriter{to: &printed}))
	out := printed.String()

	assert.Contains(t, out, "stripe/key  is [REDACTED]")
	assert.Contains(t, out, "password=[REDACTED]")
	assert.Contains(t, out, `msg="secret rotated"`)
	before := regexp.MustCompile(`version=(\w+)`).FindStringSubmatch(out)
	after := regexp.MustCompile(`the program has version (\w+), [\d.]+(µs|ms|s) after`).FindStringSubmatch(out)
	require.NotNil(t, before)
	require.NotNil(t, after)
	assert.NotEqual(t, before[1], after[1])
	for _, value := range []string{stripeKey, oldPassword, newPassword} {
		assert.NotContains(t, out, value)
	}
}

// A lockedWriter is written to by the program and by the resolver's log.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
