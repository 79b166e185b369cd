// Package scripts has no code: its tests run the scripts of .ci in small
// repositories, each with a fault, and look whether they fail and say why.
package scripts
