// Package leases specifies how the resolver renews, replaces and revokes what a
// backend lends.
package leases
