//go:build !race

package jsonata

// slowdown is what the race detector makes of a second.
const slowdown = 1
