package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A Clock reads two clocks at one moment. Wall time may be set, and goes on while
// the machine sleeps. Monotonic time does neither; it counts from when the Clock
// was made. Tests that let the clocks jump have a Clock of their own.
type Clock func() (wall time.Time, mono time.Duration)

// SystemClock returns the clocks of the machine.
func SystemClock() Clock {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start) // Round drops the monotonic reading
	}
}

// offset returns wall time since 1970 minus monotonic time.
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
// taken as level; 0 if that is within maxDrift. It takes them as level at the first
// call, after a jump, and when wall time has stepped back, for which it returns 0.
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
