// Package references specifies names and values that refer to another place, and
// the options in a URI.
package references
