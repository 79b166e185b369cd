// Package outage specifies what happens to held secrets while a backend fails,
// hangs, panics or has lost them.
package outage
