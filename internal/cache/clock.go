package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A Clock reads a pair of clocks at one moment: wall time, which may be set and
// which goes on while the machine sleeps, and monotonic time, counted from when
// the Clock was made, which does neither. Tests of steps bring their own.
type Clock func() (wall time.Time, mono time.Duration)

// SystemClock returns the clocks of the machine.
func SystemClock() Clock {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start) // Round drops the monotonic reading
	}
}

// Offset returns wall time since 1970 minus monotonic time.
func (c Clock) offset() (offset time.Duration, mono int64) {
	wall, m := c()
	return policy.Sub(time.Duration(policy.Nanoseconds(wall)), m), int64(m)
}

// maxDrift is how far wall time may run ahead of monotonic time before that
// counts as a jump: a suspended laptop, a frozen sandbox, a clock that was set.
const maxDrift = 2 * time.Second

// A driftMeter notices jumps of the wall clock against the monotonic one.
type driftMeter struct {
	level time.Duration // wall minus monotonic, when last level
	set   bool
}

// jump returns by how much wall time has run ahead since the clocks were last
// level: at the first call, after a jump, and after a step back, which is taken
// as it is and changes nothing else. It is 0 while that is within maxDrift.
func (m *driftMeter) jump(offset time.Duration) time.Duration {
	ahead := policy.Sub(offset, m.level)
	switch {
	case !m.set || ahead < 0:
		m.level, m.set = offset, true
		return 0
	case ahead <= maxDrift:
		return 0
	}
	m.level = offset
	return ahead
}
