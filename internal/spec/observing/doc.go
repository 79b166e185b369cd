// Package observing specifies what an operator sees: Status, Healthy, events and
// the log.
package observing
