package secrets

import (
	"os"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A clock is a pair of clocks: wall time, which may be set and which goes on
// while the machine sleeps, and monotonic time, which does neither. Tests of
// steps replace it.
type clock struct {
	wall func() time.Time
	mono func() time.Duration // since the clock was made
}

func systemClock() clock {
	start := time.Now()
	return clock{
		wall: func() time.Time { return time.Now().Round(0) }, // Round drops the monotonic reading
		mono: func() time.Duration { return time.Since(start) },
	}
}

// maxDrift is how far wall time may run ahead of monotonic time before that
// counts as a jump: a suspended laptop, a frozen sandbox, a clock that was set.
const maxDrift = 2 * time.Second

// A driftMeter notices jumps of the wall clock against the monotonic one.
type driftMeter struct {
	offset time.Duration // wall minus monotonic, when last level
	set    bool
}

// jump returns by how much wall time has run ahead since the clocks were last
// level: at the first call, after a jump, and after a step back, which is taken
// as it is and changes nothing else. It is 0 while that is within maxDrift.
func (m *driftMeter) jump(c clock) time.Duration {
	offset := policy.Sub(time.Duration(policy.Nanoseconds(c.wall())), c.mono())
	ahead := policy.Sub(offset, m.offset)
	switch {
	case !m.set || ahead < 0:
		m.offset, m.set = offset, true
		return 0
	case ahead <= maxDrift:
		return 0
	}
	m.offset = offset
	return ahead
}

// onLambda reports whether the process is frozen between requests.
func onLambda() bool { return os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" }
