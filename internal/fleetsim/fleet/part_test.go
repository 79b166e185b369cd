package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPart is why the report may show a large fleet by a tenth of it.
func TestPart(t *testing.T) {
	start := func(processes int, rate float64) time.Duration {
		r := Run(Params{Backend: narrow(rate), Processes: processes, Documents: 1, Duration: time.Hour, UntilStarted: true})
		at, ok := r.StartedBy(0.99)
		require.True(t, ok)
		return at
	}
	whole, tenth := start(4000, 80), start(400, 8)
	assert.InEpsilon(t, whole.Seconds(), tenth.Seconds(), 0.1)
}
