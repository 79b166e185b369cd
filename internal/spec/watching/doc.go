// Package watching specifies what Watch yields, when, and at how many reads.
package watching
