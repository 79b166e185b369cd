// Package reading specifies the reads that somebody waits for: how they are
// shared, tried again and bounded, and when a Get needs none.
package reading
