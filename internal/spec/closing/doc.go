// Package closing specifies what ends with a resolver, and how long Close waits
// for it.
package closing
