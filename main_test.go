package secrets_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package when a test has left a goroutine behind: every
// resolver ends what it starts.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
