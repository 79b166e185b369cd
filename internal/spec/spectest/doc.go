// Package spectest holds what the specifications of the resolver share:
// resolvers on providers in memory that end with the test, providers that can
// do less, schemes that a test registers, and those who wait, listen and watch.
package spectest
