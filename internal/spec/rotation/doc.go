// Package rotation specifies Invalidate and Retry: what happens from the moment
// when a program says that a version is wrong until another one works.
package rotation
