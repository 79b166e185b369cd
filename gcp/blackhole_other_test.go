//go:build !linux

package gcp

import "testing"

// blackHole returns an address where nobody is: of TEST-NET-1, RFC 5737.
func blackHole(*testing.T) string { return "192.0.2.1:80" }
