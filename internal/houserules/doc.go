// Package houserules has, as tests, the allowed imports and the other rules
// of the house that a machine can check. Floor: ground.
//
// It must not hold anything that runs in the program.
package houserules
