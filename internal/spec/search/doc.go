// Package search specifies where a name is looked for: in its exact document, in
// its parent, in each member of a chain.
package search
