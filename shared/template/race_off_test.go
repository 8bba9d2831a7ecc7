//go:build !race

package template

// slowdown is what the race detector makes of a second.
const slowdown = 1
