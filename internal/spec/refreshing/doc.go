// Package refreshing specifies when the resolver reads by itself what it holds.
package refreshing
