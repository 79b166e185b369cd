package policy

import (
	"math/rand/v2"
	"time"
)

// Waits around a version that was rejected (docs/rotation.md).
const (
	// RotationWindow is how long a backend may take to have the replacement of a
	// rejected version, and how long one call waits for it.
	RotationWindow = 10 * time.Second
	// TurnAgain is the wait after a turn that neither accepted nor rejected the
	// version.
	TurnAgain = time.Second

	windowFirst = 200 * time.Millisecond
	windowLimit = 3 * time.Second
)

// turns are the waits before a rejected version may be tried again. At 5 s,
// 30 s, 2 min and 8 min after the first rejection, then every 10 min, it is
// tried five times in the first ten minutes: MySQL and MariaDB block a host after
// max_connect_errors or max_password_errors refusals.
var turns = []time.Duration{5 * time.Second, 25 * time.Second, 90 * time.Second, 6 * time.Minute, 10 * time.Minute}

// Turn returns the wait after the n-th turn of a rejected version until the
// next, n = 0: after its first rejection.
func Turn(n int) time.Duration { return turns[min(n, len(turns)-1)] }

// Window returns the wait after the n-th read for the replacement of a rejected
// version, n from 0: 0.2 s doubling to 3 s, anywhere in the later half.
func Window(n int) time.Duration {
	d := Doubling(n+1, windowFirst, windowLimit)
	return d/2 + rand.N(d/2+1) // #nosec G404 -- jitter is no secret
}
