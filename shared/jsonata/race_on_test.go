//go:build race

package jsonata

// slowdown is how many times longer a test may take because of the race detector.
const slowdown = 15
