//go:build !unix

package awstest

import "testing"

// fifo makes no pipe here.
func fifo(testing.TB) string { return "" }
