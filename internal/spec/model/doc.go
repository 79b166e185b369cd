// Package model holds the resolver against a model of it, under failures and
// rotations at random.
package model
