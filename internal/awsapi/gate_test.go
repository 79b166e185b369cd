package awsapi

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestADeniedBatchIsTriedAgainAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		var g Gate
		assert.True(t, g.Open())
		g.Denied(logger, "denied")
		assert.False(t, g.Open())
		time.Sleep(10*time.Minute - 1)
		assert.False(t, g.Open())
		time.Sleep(time.Nanosecond)
		assert.True(t, g.Open())
		g.Denied(logger, "denied")
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), "it is said once")
	})
}

func TestADeniedBatchStaysOffOnceASingleReadHasSucceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		g.Confirm()
		assert.True(t, g.Open(), "with nothing denied, a single read says nothing")
		g.Denied(slog.New(slog.DiscardHandler), "denied")
		g.Confirm()
		time.Sleep(24 * time.Hour)
		assert.False(t, g.Open())
	})
}

func TestABatchThatIsAnsweredForgetsTheDenialBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		g.Denied(slog.New(slog.DiscardHandler), "denied")
		time.Sleep(time.Hour)
		g.Allowed()
		g.Confirm()
		assert.True(t, g.Open())
	})
}
